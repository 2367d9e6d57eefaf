"""Accounts (账号): sign-in, passwords, tokens."""
