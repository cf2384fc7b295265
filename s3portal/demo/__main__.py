"""`python -m s3portal.demo`: the embedded portal, in an environment that has everything (see bin/demo)."""

from s3portal.demo.command import main

if __name__ == "__main__":
    main(prog_name="bin/demo")
