"""Quarantines the EC2 instance of a GuardDuty finding: a playbook as a function. Guide: docs/playbooks.md.

    handler(event, context)    event: {"detail": <the finding>}, as a rule delivers it

Containment comes before evidence. It changes only what differs, so that a second invocation changes nothing, and reads
back what it did: an invocation that cannot prove containment raises, and whoever invoked it is told.
"""

import re
import time

import boto3
from botocore.config import Config

GROUP = "quell-quarantine"
INSTANCE = re.compile(r"i-[0-9a-f]{8,32}")
GONE = ("terminated", "shutting-down")
NEVER = "ir:never-touch"
LOOKS, PAUSE_SECONDS = 5, 2
# The groups of before in tags: a value holds 256 characters, which are 12 ids.
BEFORE, IDS = "quell:groups-before", 12


class NotContained(Exception):
    """The account, read back, does not show containment."""


def handler(event, context):
    finding = event["detail"]
    instance_id = finding.get("resource", {}).get("instanceDetails", {}).get("instanceId", "")
    if not INSTANCE.fullmatch(instance_id):
        raise ValueError("the finding names no EC2 instance: nothing was changed")
    config = Config(retries={"mode": "standard", "max_attempts": 5})
    ec2 = boto3.client("ec2", config=config)
    guard(finding, boto3.client("sts", config=config).get_caller_identity()["Account"], ec2.meta.region_name)
    instance = described(ec2, instance_id)
    if instance["State"]["Name"] in GONE:
        return {"instance": instance_id, "contained": True, "how": "terminated before", "snapshots": []}
    if NEVER in (tag["Key"] for tag in instance.get("Tags", [])):
        raise ValueError(f"instance {instance_id} is tagged {NEVER}: nothing was changed, contain it by hand or remove the tag")
    group = closed_group(ec2, instance["VpcId"])
    before = sorted({it["GroupId"] for interface in instance["NetworkInterfaces"] for it in interface["Groups"]})
    if group in before:
        # An earlier attempt has moved some of them, or all.
        noted = [it["Value"].split() for it in instance.get("Tags", []) if it["Key"].startswith(BEFORE)]
        before = sorted({*before, *sum(noted, [])} - {group})
    if before:
        # Written first: whoever releases the instance needs to know.
        tag(ec2, instance_id, dict(noted_groups(before)))
    for interface in instance["NetworkInterfaces"]:
        if [it["GroupId"] for it in interface["Groups"]] != [group]:
            name = interface["NetworkInterfaceId"]
            ec2.modify_network_interface_attribute(NetworkInterfaceId=name, Groups=[group])
    if [it["GroupId"] for it in described(ec2, instance_id)["SecurityGroups"]] != [group]:
        # AWS shows an instance in the groups of its first interface; what stands in for it may keep a list of its own.
        try:
            ec2.modify_instance_attribute(InstanceId=instance_id, Groups=[group])
        except ec2.exceptions.ClientError as error:
            # AWS refuses it where there are several interfaces, and needs none: whether it is contained is read below.
            if error.response["Error"]["Code"] != "InvalidInstanceID" or len(instance["NetworkInterfaces"]) < 2:
                raise
    prove(ec2, instance_id, group)
    tag(ec2, instance_id, {"quell:finding": finding["id"], "quell:status": "quarantined"})
    volumes = [it["Ebs"]["VolumeId"] for it in instance["BlockDeviceMappings"] if "Ebs" in it]
    snapshots = [snapshot(ec2, volume, instance_id, finding["id"]) for volume in volumes]
    return {"instance": instance_id, "contained": True, "how": "quarantined", "snapshots": snapshots, "groupsBefore": before}


def guard(finding, account, region):
    """Refuses a sample, which GuardDuty marks in one of three ways, and what is about another account or region."""
    more = finding.get("service", {}).get("additionalInfo") or {}
    marked = more.get("sample") in (True, "true") or '"sample":true' in str(more.get("value")).replace(" ", "")
    if marked or str(finding.get("title")).startswith("[SAMPLE]"):
        raise ValueError("the finding is a GuardDuty sample: nothing was changed")
    for about, mine in ((finding.get("accountId"), account), (finding.get("region"), region)):
        if about not in (None, "", mine):
            raise ValueError(f"the finding is about {about}, and this function acts in {mine}: nothing was changed, run it there")


def described(ec2, instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def tag(ec2, resource, tags):
    ec2.create_tags(Resources=[resource], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


def noted_groups(groups):
    """Tags that name all groups: as many as it takes, numbered from the second on."""
    for number, first in enumerate(range(0, len(groups), IDS), 1):
        yield BEFORE if number == 1 else f"{BEFORE}-{number}", " ".join(groups[first : first + IDS])


def find_group(ec2, vpc):
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": [GROUP]}]
    groups = ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return groups[0] if groups else None


def closed_group(ec2, vpc):
    """The id of the group without rules in this VPC; made, or emptied, if need be."""
    group = find_group(ec2, vpc)
    if group is None:
        try:
            ec2.create_security_group(GroupName=GROUP, Description="Quell: no way in, no way out", VpcId=vpc)
        except ec2.exceptions.ClientError as error:
            # Another invocation was faster.
            if error.response["Error"]["Code"] != "InvalidGroup.Duplicate":
                raise
        group = find_group(ec2, vpc)
    if group is None:
        raise NotContained(f"the security group {GROUP} of {vpc} does not appear")
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    return group["GroupId"]


def prove(ec2, instance_id, group):
    """Reads instance and group back; AWS may show a change a moment later."""
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE_SECONDS)
        interfaces = described(ec2, instance_id)["NetworkInterfaces"]
        read = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        closed = not read["IpPermissions"] and not read["IpPermissionsEgress"]
        if closed and interfaces and all([it["GroupId"] for it in one["Groups"]] == [group] for one in interfaces):
            return
    raise NotContained(f"instance {instance_id} is not proven to be contained")


def snapshot(ec2, volume, instance_id, finding_id):
    """The snapshot of a volume for this finding: the one that is there, or a new one."""
    filters = [{"Name": "volume-id", "Values": [volume]}, {"Name": "tag:quell:finding", "Values": [finding_id]}]
    # One that failed is no evidence.
    filters.append({"Name": "status", "Values": ["pending", "completed"]})
    found = ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]
    if found:
        return found[0]["SnapshotId"]
    tags = [{"Key": "quell:finding", "Value": finding_id}, {"Key": "quell:instance", "Value": instance_id}]
    made = ec2.create_snapshot(
        VolumeId=volume,
        Description=f"Evidence for {finding_id}",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )
    return made["SnapshotId"]
