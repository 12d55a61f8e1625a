"""Contains the IAM user or role of a GuardDuty finding: a playbook as a function. Guide: docs/playbooks.md.

    handler(event, context)    event: {"detail": <the finding>}, as a rule delivers it

A user is denied everything and loses the access keys, which are made inactive and never deleted. Of a role, every session
that was issued before now is denied. One change that fails does not keep the others from being made. It changes only what
differs, so that a second invocation changes nothing, and reads back what it did: an invocation that cannot prove
containment raises, and whoever invoked it is told.

PROTECTED_PRINCIPALS in the function's environment: names of users and roles never to touch, with spaces between them.
"""

import json
import os
import re
import time
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

NAME = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d.*")
# How `contain_role` writes it. AWS takes a number for a moment too, in seconds since 1970: as text it stands in no order.
WRITTEN = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
USER_POLICY, ROLE_POLICY = "QuellContain", "QuellRevokeSessions-"
NEVER, BEFORE = "ir:never-touch", "quell:keys-before"
# AWS and IAM Identity Center manage these roles; nobody else can change them.
MANAGED = ("/aws-service-role/", "/aws-reserved/")
LOOKS, PAUSE_SECONDS = 5, 2


class NotContained(Exception):
    """The account, read back, does not show containment."""


def handler(event, context):
    finding = event["detail"]
    kind, name = principal(finding)
    config = Config(retries={"mode": "standard", "max_attempts": 5})
    iam, caller = boto3.client("iam", config=config), boto3.client("sts", config=config).get_caller_identity()
    if at(finding, "accountId") not in ("", caller["Account"]):
        raise ValueError(f"the finding is about another account than {caller['Account']}: nothing was changed")
    found = iam.get_user(UserName=name)["User"] if kind == "user" else iam.get_role(RoleName=name)["Role"]
    guard(kind, found, caller["Arn"])
    # Errors that did not keep it from being contained.
    trouble = []
    contain = contain_user if kind == "user" else contain_role
    answer = contain(iam, found, finding, trouble)
    return {"principal": f"{kind} {name}", "contained": True, **answer, "trouble": list(dict.fromkeys(trouble))}


def at(value, *path):
    """The member at a path, through the first item of each list; an empty text where the path ends."""
    for key in path:
        while isinstance(value, list):
            value = value[0] if value else None
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else value


def principal(finding):
    """Kind and name; what is no user or role of an account is refused."""
    more = at(finding, "service", "additionalInfo")
    marked = at(more, "sample") in (True, "true") or '"sample":true' in str(at(more, "value")).replace(" ", "")
    if marked or str(at(finding, "title")).startswith("[SAMPLE]"):
        raise ValueError("the finding is a GuardDuty sample: nothing was changed")
    details = at(finding, "resource", "accessKeyDetails")
    actor = at(finding, "service", "detection", "sequence", "actors", "user")
    told = str(at(details, "userType") or at(actor, "type"))
    if told == "Root":
        raise ValueError("the finding is about the root user, who has no policies: run Quell-Root-Contain")
    kinds = {"IAMUser": "user", "AssumedRole": "role", "Role": "role"}
    kind = kinds.get(told)
    # GuardDuty gives a role's session the role's name as user name.
    name = str(at(details, "userName") or at(actor, "name")).split("/")[-1]
    if kind is None or not NAME.fullmatch(name):
        raise ValueError("the finding names no IAM user or role: nothing was changed")
    return kind, name


def guard(kind, found, caller):
    """Refuses what must not be touched; last of all the one that this function acts as."""
    name = found["UserName" if kind == "user" else "RoleName"]
    acts_as = caller.split(":")[-1].split("/")
    own = acts_as[1] if acts_as[0] == "assumed-role" else acts_as[-1]
    if NEVER in (tag["Key"] for tag in found.get("Tags", [])):
        raise ValueError(f"{kind} {name} is tagged {NEVER}: nothing was changed")
    if name == own or name in os.environ.get("PROTECTED_PRINCIPALS", "").split():
        raise ValueError(f"{kind} {name} is the one that this function acts as, or is protected: nothing was changed")
    if kind == "role" and found["Path"].startswith(MANAGED):
        raise ValueError(f"role {name} is managed by AWS or by IAM Identity Center: nothing was changed")


def contain_user(iam, user, finding, trouble):
    name = user["UserName"]

    def denied():
        return statement_of(trouble, iam.get_user_policy, UserName=name, PolicyName=USER_POLICY) == deny()

    def keys():
        return {it["AccessKeyId"]: it["Status"] for it in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]}

    def missing():
        found = [f"access key {key} is {status}" for key, status in keys().items() if status != "Inactive"]
        return found + ([] if denied() else [f"policy {USER_POLICY} does not deny everything"])

    # First of all: it stops the keys too, and those that nobody knows of.
    if not denied():
        attempt(trouble, iam.put_user_policy, UserName=name, PolicyName=USER_POLICY, PolicyDocument=document(deny()))
    active = [key for key, status in keys().items() if status == "Active"]
    noted = [tag["Value"].split() for tag in user.get("Tags", []) if tag["Key"] == BEFORE]
    before = sorted({*active, *sum(noted, [])})
    if active:
        # Before the keys: whoever gives them back needs to know which.
        attempt(trouble, iam.tag_user, UserName=name, Tags=[{"Key": BEFORE, "Value": " ".join(before)}])
    for key in active:
        attempt(trouble, iam.update_access_key, UserName=name, AccessKeyId=key, Status="Inactive")
    prove(f"user {name}", missing, trouble)
    return {"how": "denied everything, keys inactive", "policy": USER_POLICY, "keysBefore": before}


def contain_role(iam, role, finding, trouble):
    name, now = role["RoleName"], datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    seen = str(at(finding, "service", "eventLastSeen") or at(finding, "updatedAt"))
    # No sighting is later than now, whatever the finding says.
    seen = min(seen, now) if MOMENT.fullmatch(seen) else now
    # One policy for one sighting: the same finding again finds it there, a later one revokes again.
    policy = ROLE_POLICY + seen[:19].replace("-", "").replace(":", "") + "Z"

    def revoked():
        found = statement_of(trouble, iam.get_role_policy, RoleName=name, PolicyName=policy)
        since = str(at(found, "Condition", "DateLessThan", "aws:TokenIssueTime"))
        return found == deny(since) and bool(WRITTEN.fullmatch(since)) and since[:19] >= seen[:19]

    def missing():
        return [] if revoked() else [f"policy {policy} does not deny older sessions"]

    if not revoked():
        attempt(trouble, iam.put_role_policy, RoleName=name, PolicyName=policy, PolicyDocument=document(deny(now)))
    prove(f"role {name}", missing, trouble)
    return {"how": "older sessions denied", "policy": policy}


def deny(before=None):
    """The statement that denies everything; with a moment, to the sessions that were issued before it."""
    statement = {"Sid": "QuellContain", "Effect": "Deny", "Action": "*", "Resource": "*"}
    return {**statement, "Condition": {"DateLessThan": {"aws:TokenIssueTime": before}}} if before else statement


def document(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def statement_of(trouble, read, **policy):
    """The one statement of a policy; none where the policy is not there or cannot be read."""
    try:
        statements = read(**policy)["PolicyDocument"]["Statement"]
    except (ClientError, BotoCoreError) as error:
        if at(getattr(error, "response", {}), "Error", "Code") != "NoSuchEntity":
            trouble.append(str(error))
        return None
    return statements[0] if isinstance(statements, list) and len(statements) == 1 else None


def attempt(trouble, call, **arguments):
    """Makes a change and keeps the error: what the account shows afterwards decides."""
    try:
        call(**arguments)
    except (ClientError, BotoCoreError) as error:
        trouble.append(str(error))


def prove(what, missing, trouble):
    """Reads back; AWS may show a change a moment later."""
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE_SECONDS)
        found = missing()
        if not found:
            return
    raise NotContained(f"{what} is not proven to be contained: {'; '.join([*found, *dict.fromkeys(trouble)])}")
