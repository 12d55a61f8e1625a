"""The compromised-instance story in Python: the account it plays in, Quell's side of it, and what the account is like
afterwards, with ids taken out so that two accounts can be compared.
"""

import functools
import json
import re
import urllib.request
import uuid

from quelltest import ACCOUNT, REGION, ROOT, wait_until

LIBRARY = ROOT / "playbooks"
FINDINGS = ROOT / "examples/findings"
FIRST = ("1-tor-client.json", "2-bitcoin-tool-dns.json", "3-malicious-ip-caller.json")
SECOND = ("4-second-instance-tor-client.json",)
PRIMARY, SECONDARY = "ana@example.com", "bo@example.com"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)


class Account:
    """A VPC with two instances, each of an Auto Scaling group and behind a target group, in an emptied moto."""

    def __init__(self, moto):
        self._moto = moto
        request = urllib.request.Request(f"{moto.url}/moto-api/reset", method="POST")
        with urllib.request.urlopen(request):
            pass
        self.ec2, self.iam = self._client("ec2"), self._client("iam")
        self.scaling, self.balancing = self._client("autoscaling"), self._client("elbv2")
        self.parameters = self._client("ssm")
        self.role_arn = self._role("quell-responder")
        self._build()

    def _client(self, service):
        return client_of(self._moto, service)

    def _role(self, name):
        return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]

    def _build(self):
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
            for cidr, zone in (("10.0.1.0/24", "a"), ("10.0.2.0/24", "b"))
        ]
        group = self.ec2.create_security_group(GroupName="shop-web", Description="web", VpcId=vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0"
        )
        self._role("shop-web")
        profile = self.iam.create_instance_profile(InstanceProfileName="shop-web")["InstanceProfile"]["Arn"]
        self.iam.add_role_to_instance_profile(InstanceProfileName="shop-web", RoleName="shop-web")
        template = self.ec2.create_launch_template(
            LaunchTemplateName="shop-web",
            LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "SecurityGroupIds": [group]},
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.vpc = vpc
        self.instances, self.target_groups = [], []
        for shop in ("shop-1", "shop-2"):
            self._shop(shop, template, subnets)
        for instance in self.instances:
            self._equip(instance, profile)

    def _shop(self, name, template, subnets):
        """An Auto Scaling group with one instance behind a target group.

        Each instance has a group of its own: when one enters standby, moto puts every other member back into the
        target group, those in standby too. AWS does not.
        """
        made = self.balancing.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc)
        self.target_groups.append(made["TargetGroups"][0]["TargetGroupArn"])
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate={"LaunchTemplateId": template},
            MinSize=1,
            MaxSize=3,
            DesiredCapacity=1,
            VPCZoneIdentifier=",".join(subnets),
            TargetGroupARNs=[self.target_groups[-1]],
        )
        found = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
        self.instances += [member["InstanceId"] for member in found["Instances"]]

    def _equip(self, instance, profile):
        """A data volume, a second network interface, and the profile that moto does not take from templates."""
        described = self.instance(instance)
        zone = described["Placement"]["AvailabilityZone"]
        volume = self.ec2.create_volume(AvailabilityZone=zone, Size=8)["VolumeId"]
        self.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
        interface = self.ec2.create_network_interface(
            SubnetId=described["SubnetId"], Groups=[group["GroupId"] for group in described["SecurityGroups"]]
        )["NetworkInterface"]["NetworkInterfaceId"]
        self.ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=1)
        self.ec2.associate_iam_instance_profile(IamInstanceProfile={"Arn": profile}, InstanceId=instance)

    def instance(self, instance):
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def shape(self):
        """Everything that the story touches, with names instead of ids."""
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["SecurityGroups"]
        names = {group["GroupId"]: group["GroupName"] for group in groups}
        return {
            "instances": {at: self._instance_shape(i, names) for at, i in enumerate(self.instances)},
            "groups": sorted(
                (group["GroupName"], len(group["IpPermissions"]), len(group["IpPermissionsEgress"]))
                for group in groups
            ),
            "acl": self._acl_shape(),
            "policies": sorted(
                re.sub(r"-\d{8}T\d{6}Z$", "", self._named(name))
                for name in self.iam.list_role_policies(RoleName="shop-web")["PolicyNames"]
            ),
            "scaling": self._scaling_shape(),
            "snapshots": len(self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
        }

    def _named(self, text):
        """A text with the instances' ids as their places in the story."""
        for at, instance in enumerate(self.instances):
            text = text.replace(instance, f"instance-{at}")
        return text

    def _instance_shape(self, instance, names):
        described = self.instance(instance)
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", []) if tag["Key"].startswith("quell:")}
        protection = self.ec2.describe_instance_attribute(InstanceId=instance, Attribute="disableApiTermination")
        return {
            "state": described["State"]["Name"],
            "groups": sorted(group["GroupName"] for group in described["SecurityGroups"]),
            "interfaces": sorted(
                sorted(names[group["GroupId"]] for group in interface["Groups"])
                for interface in self._of(instance, "network_interfaces", "attachment.instance-id")
            ),
            "tags": sorted(tags),
            "status": tags.get("quell:status"),
            "protected": protection["DisableApiTermination"]["Value"],
            "profiles": [
                association["State"]
                for association in self._of(instance, "iam_instance_profile_associations", "instance-id")
            ],
            "scaling": [
                member["LifecycleState"]
                for member in self.scaling.describe_auto_scaling_instances(InstanceIds=[instance])[
                    "AutoScalingInstances"
                ]
            ],
            "registered": [self._registered(instance, group) for group in self.target_groups],
            "snapshots": self._snapshots(described),
            "record": self._record(instance, names),
        }

    def _registered(self, instance, target_group):
        found = self.balancing.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
        states = {health["Target"]["Id"]: health["TargetHealth"]["State"] for health in found}
        return states.get(instance, "unused") not in ("unused", "draining")

    def _of(self, instance, what, filtered):
        answer = getattr(self.ec2, f"describe_{what}")(Filters=[{"Name": filtered, "Values": [instance]}])
        return next(value for name, value in answer.items() if name != "ResponseMetadata")

    def _snapshots(self, described):
        """For each volume by its device: the tags' keys of each of its snapshots."""
        volumes = {mapping["Ebs"]["VolumeId"]: mapping["DeviceName"] for mapping in described["BlockDeviceMappings"]}
        found = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return {
            device: [sorted(tag["Key"] for tag in snap.get("Tags", [])) for snap in found if snap["VolumeId"] == volume]
            for volume, device in volumes.items()
        }

    def _record(self, instance, names):
        """The recorded prior state; what Quell-EC2-Release would restore."""
        found = self.parameters.get_parameters(Names=[f"/quell/prior-state/{instance}"])["Parameters"]
        if not found:
            return None
        record = json.loads(found[0]["Value"])
        return {
            "members": sorted(record),
            "status": record["status"],
            "protected": record["protected"],
            "profile": record["profile"].rsplit("/", 1)[-1],
            "interfaces": sorted(sorted(names[group] for group in groups) for groups in record["interfaces"].values()),
            "asg": record["asg"],
            "targets": [(self._named(target[1]), target[2]) for target in record["targets"]],
            "denies": sorted((egress, cidr) for _, _, egress, cidr in record["denies"]),
            "policy": re.sub(r"-\d{8}T\d{6}Z$", "", self._named(record["policy"])),
        }

    def _acl_shape(self):
        """Direction, verdict and address of each entry, and whether it is asked before the first that allows."""
        acls = self.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["NetworkAcls"]
        entries = [entry for acl in acls for entry in acl["Entries"]]
        shape = []
        for entry in entries:
            allows = [e["RuleNumber"] for e in entries if e["Egress"] == entry["Egress"] and e["RuleAction"] == "allow"]
            first = entry["RuleNumber"] < min(allows)
            shape.append((entry["Egress"], entry["RuleAction"], entry.get("CidrBlock"), first))
        return sorted(shape)

    def _scaling_shape(self):
        """Of each group: how many it wants, and the states of those it has."""
        return {
            group["AutoScalingGroupName"]: (
                group["DesiredCapacity"],
                sorted(member["LifecycleState"] for member in group["Instances"]),
            )
            for group in self.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        }


@functools.lru_cache(maxsize=None)
def client_of(moto, service):
    """A client of the account; making one takes longer than most calls."""
    return moto.client(service)


def filled(name, role_arn):
    """A file of the playbook library with its placeholders filled."""
    text = (LIBRARY / name).read_text()
    for placeholder, value in (
        ("${ACCOUNT}", ACCOUNT),
        ("${REGION}", REGION),
        ("${EMAIL_PRIMARY}", PRIMARY),
        ("${EMAIL_SECONDARY}", SECONDARY),
        ("${ROLE_ARN}", role_arn),
    ):
        text = text.replace(placeholder, value)
    return json.loads(text)


def install(quell, account):
    """Contacts, documents, response plan and rule of the library, as a newcomer would install them."""
    incidents, contacts = quell.client("ssm-incidents"), quell.client("ssm-contacts")
    incidents.create_replication_set(regions={REGION: {}})
    for contact in filled("ec2-isolate.escalation.json", account.role_arn)["Contacts"]:
        install_contact(contacts, quell.mail, contact)
    documents = quell.client("ssm")
    for name, file in (("Quell-EC2-Isolate", "ec2-isolate.yaml"), ("Quell-EC2-Release", "ec2-release.yaml")):
        documents.create_document(
            Name=name, Content=(LIBRARY / file).read_text(), DocumentType="Automation", DocumentFormat="YAML"
        )
    incidents.create_response_plan(**filled("ec2-isolate.response-plan.json", account.role_arn))
    rule = filled("ec2-isolate.rule.json", account.role_arn)
    events = quell.client("events")
    events.put_rule(**rule["PutRule"])
    refused = events.put_targets(**rule["PutTargets"])["FailedEntries"]
    assert not refused, refused


def install_contact(contacts, mail, described):
    """A contact of the library; its channels are proven by the codes that arrive by mail."""
    arn = contacts.create_contact(**described["CreateContact"])["ContactArn"]
    plan = json.dumps(described.get("UpdateContact", {}).get("Plan"))
    for channel in described.get("CreateContactChannels", []):
        created = contacts.create_contact_channel(ContactId=arn, **channel)["ContactChannelArn"]
        code = mail.wait_for(channel["DeliveryAddress"]["SimpleAddress"]).code()
        contacts.activate_contact_channel(ContactChannelId=created, ActivationCode=code)
        # The library names a channel by its name; the plan needs its ARN.
        plan = plan.replace(json.dumps(channel["Name"]), json.dumps(created))
    if json.loads(plan):
        contacts.update_contact(ContactId=arn, Plan=json.loads(plan))


def send_findings(quell, instance, files):
    """The findings about one instance, each as EventBridge would bring it."""
    events = quell.client("events")
    for file in files:
        text = (FINDINGS / file).read_text()
        for placeholder, value in (
            ("${INSTANCE_ID}", instance),
            ("${SECOND_INSTANCE_ID}", instance),
            ("${ACCOUNT}", ACCOUNT),
            ("${REGION}", REGION),
            ("${TIME}", "2026-01-05T10:00:00Z"),
            ("${EVENT_ID}", str(uuid.uuid4())),
        ):
            text = text.replace(placeholder, value)
        finding = json.loads(text)
        entry = {
            "Source": finding["source"],
            "DetailType": finding["detail-type"],
            "Detail": json.dumps(finding["detail"]),
            "Resources": finding["resources"],
        }
        answer = events.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer


def incident_of(quell, instance):
    """The one incident about an instance; waits for it."""
    found = wait_until(f"an incident about {instance}", lambda: incidents_of(quell, instance))
    assert len(found) == 1, f"{len(found)} incidents about {instance}: {found}"
    return found[0]["arn"]


def incidents_of(quell, instance):
    """All records about an instance."""
    incidents = quell.client("ssm-incidents")
    pages = incidents.get_paginator("list_incident_records").paginate()
    records = [
        incidents.get_incident_record(arn=summary["arn"])["incidentRecord"]
        for page in pages
        for summary in page["incidentRecordSummaries"]
    ]
    return [record for record in records if instance in record["dedupeString"]]


def run_of(quell, incident):
    """Id of the run that an incident started; waits for it."""
    incidents = quell.client("ssm-incidents")

    def look():
        record = incidents.get_incident_record(arn=incident)["incidentRecord"]
        return record.get("automationExecutions")

    found = wait_until(f"the run of {incident}", look)
    assert len(found) == 1, found
    return found[0]["ssmExecutionArn"].rsplit("/", 1)[-1]


def execution(quell, run):
    return quell.client("ssm").get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]


def timeline(quell, incident):
    """All entries, oldest first, with their data."""
    incidents = quell.client("ssm-incidents")
    pages = incidents.get_paginator("list_timeline_events").paginate(incidentRecordArn=incident, sortOrder="ASCENDING")
    return [
        incidents.get_timeline_event(incidentRecordArn=incident, eventId=summary["eventId"])["event"]
        for page in pages
        for summary in page["eventSummaries"]
    ]


def page_mails(mail, incident):
    """The mails that page somebody about an incident."""
    about = incident.rsplit("/", 1)[-1]
    return [m for m in list(mail.mails) if about in unfolded(m) and "Accept code" in unfolded(m)]


def unfolded(mail):
    """A mail's text without the line ends that its transfer encoding put in."""
    return mail.text.replace("=\n", "").replace("=3D", "=")


def message_id(mail):
    return re.search(r"(?im)^message-id: *(<[^>]+>)", mail.text).group(1)


def acknowledge(quell, incident):
    """Accepts the page of an incident with the code in its mail; waits for the mail."""
    mail = wait_until(f"a page about {incident}", lambda: page_mails(quell.mail, incident))[0]
    text = unfolded(mail)
    page = re.search(r"--page-id (\S+)", text).group(1)
    code = re.search(r"Accept code: (\d+)", text).group(1)
    quell.client("ssm-contacts").accept_page(PageId=page, AcceptType="READ", AcceptCode=code)
    return page
