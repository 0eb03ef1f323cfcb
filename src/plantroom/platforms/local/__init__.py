"""Servers, instances, traffic, databases and files on this machine, without root and without containers.

Imports nothing: a server's supervisor loads `supervised` from here and shall not carry the rest along.
"""
