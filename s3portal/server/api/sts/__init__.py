"""STS on the same address, in the AWS query protocol, version 2011-06-15.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
"""
