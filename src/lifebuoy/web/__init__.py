"""The web console: pages over the same operations as the REST API, in English and 简体中文.

Pages work without a script; with htmx lists renew themselves and the steps of an operation are
shown as they happen. Nothing is loaded from another host.
"""
