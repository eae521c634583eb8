"""`python3 run.py fleet`: which services of this template are on which release, and what they need.

It runs in the environment of this repository, and uses the checks of `service doctor` that only read files. Nothing of
a service is installed, imported or run.
"""
