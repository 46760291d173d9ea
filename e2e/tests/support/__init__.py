"""What the end-to-end tests share: kubectl, the installed chart, Spillway's programs. conftest.py
makes fixtures of it.
"""
