"""`python -m mail_proxy.cli`"""

from mail_proxy.cli.app import app

if __name__ == "__main__":
    app()
