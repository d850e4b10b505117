"""Redaction of secrets and personal data, before anything is written that others will read.

Secrets, which are masked as ``[redacted:kind]`` unless a policy says otherwise:

``private-key``
    PEM and PGP private key blocks.
``authorization``
    What follows ``Authorization:`` or ``Proxy-Authorization:``, as header, JSON or key-value text.
``cookie``
    What follows ``Cookie:`` or ``Set-Cookie:``.
``bearer``
    What follows ``Bearer`` elsewhere.
``password``, ``secret``
    Values of keys that end in password, passwd, passphrase or pwd; in secret, token, api_key,
    access_key, private_key and their like. SQL's ``PASSWORD '...'``, flags such as ``--token ...``.
``url-password``
    The password in ``scheme://user:password@host``.
``jwt``
    Three base64url parts, the first of which begins with ``eyJ``.
``own-secret``
    The tokens and passwords that obsnb itself is given, wherever they stand.
``cloud-key``
    Keys that are known by their shape: those of AWS, Google, GitHub, GitLab, Slack, Grafana and others.

Personal data, which has a pseudonym such as ``[email:0f1e2d3c4b5a]`` in its place unless a policy says
otherwise:

``email``, ``ip``
    E-mail addresses; IP addresses, version 4 and 6, that mean something outside of a network.
``user``
    Values of fields that name users: ``user_id``, ``enduser.id`` and others.
``card``
    Payment card numbers whose check digit holds; masked.
``private-ip``
    Addresses inside of a network; kept, because pods and nodes have no other name.
``field``
    Values of fields that a stack names itself.

What is around it stays as it was: a line of JSON is one still. Placeholders (``token=%s``,
``"password": null``, ``${TOKEN}``, ``***``) stay.
"""

from obsnb.redact.policy import SECRETS_ONLY, Policy
from obsnb.redact.redactor import Redactor

__all__ = ["SECRETS_ONLY", "Policy", "Redactor"]
