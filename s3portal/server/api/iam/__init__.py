"""IAM's operations, in the AWS query protocol, version 2010-05-08.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
"""
