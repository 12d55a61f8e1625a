"""Compromised instances: the worlds of Quell-EC2-Isolate and Quell-EC2-Release.

An instance of an Auto Scaling group behind a target group, with a profile; for the release it is isolated by hand as the
playbook does it, so that the release can be tried by itself.
"""

import json

from playbook_worlds import APPROVER, ATTACKER, TRUST, Network, World, finding_of, role_policies

QUARANTINE = "quell-quarantine"


class CompromisedInstance(World):
    """An instance that talks to an attacker."""

    file, document = "ec2-isolate.yaml", "Quell-EC2-Isolate"
    contained_without = ("ec2:CreateSnapshots", "ec2:CreateTags")
    # Snapshots are evidence; the tags say that the instance was isolated and released.
    undone_by, stays = "Quell-EC2-Release", ("snapshots", "tags")

    def build(self):
        self.name = f"shop-{self.token}"
        self.network = Network(self)
        self._profile()
        self._serve()
        ec2 = self.client("ec2")
        ec2.associate_iam_instance_profile(IamInstanceProfile={"Arn": self.profile}, InstanceId=self.instance)
        self.healthy = self.shape()

    def _profile(self):
        iam = self.client("iam")
        iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=TRUST)
        self.profile = iam.create_instance_profile(InstanceProfileName=self.name)["InstanceProfile"]["Arn"]
        iam.add_role_to_instance_profile(InstanceProfileName=self.name, RoleName=self.name)

    def _serve(self):
        """The instance, from an Auto Scaling group of its own, and in a target group of its own."""
        ec2, scaling, balancing = self.client("ec2"), self.client("autoscaling"), self.client("elbv2")
        made = balancing.create_target_group(Name=self.name, Protocol="HTTP", Port=80, VpcId=self.network.vpc)
        self.target_group = made["TargetGroups"][0]["TargetGroupArn"]
        data = {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "SecurityGroupIds": [self.network.group]}
        template = ec2.create_launch_template(LaunchTemplateName=self.name, LaunchTemplateData=data)["LaunchTemplate"]
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=self.name,
            LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
            MinSize=1,
            MaxSize=3,
            DesiredCapacity=1,
            VPCZoneIdentifier=self.network.subnet,
        )
        found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"][0]
        self.instance = found["Instances"][0]["InstanceId"]
        # Not by the Auto Scaling group: moto would register the instance by itself when it leaves standby.
        balancing.register_targets(TargetGroupArn=self.target_group, Targets=[{"Id": self.instance}])

    def parameters(self, **more):
        return super().parameters(InstanceId=[self.instance], **more)

    def finding(self):
        action = {
            "actionType": "NETWORK_CONNECTION",
            "networkConnectionAction": {"remoteIpDetails": {"ipAddressV4": ATTACKER}},
        }
        details = {"resourceType": "Instance", "instanceDetails": {"instanceId": self.instance}}
        return finding_of("Backdoor:EC2/C&CActivity.B", details, 8.0, action)

    def undoing(self):
        """What the release is started with."""
        return {"InstanceId": [self.instance], "KeepSessionRevocation": ["false"]}

    def forbid(self):
        self.network.tag(self.instance, "ir:never-touch")

    def described(self):
        return self.client("ec2").describe_instances(InstanceIds=[self.instance])["Reservations"][0]["Instances"][0]

    def shape(self):
        """All of the instance and around it, with names instead of ids."""
        ec2, described = self.client("ec2"), self.described()
        in_vpc = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.network.vpc]}])["SecurityGroups"]
        names = {group["GroupId"]: group["GroupName"] for group in in_vpc}
        tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", []) if tag["Key"].startswith("quell:")}
        protection = ec2.describe_instance_attribute(InstanceId=self.instance, Attribute="disableApiTermination")
        return {
            "state": described["State"]["Name"],
            "groups": sorted(names[g["GroupId"]] for i in described["NetworkInterfaces"] for g in i["Groups"]),
            "tags": [tags.get("quell:status"), sorted(tags)],
            "protected": protection["DisableApiTermination"]["Value"],
            "profiles": self._associations(),
            "policies": sorted(role_policies(self.client("iam"), self.name)[name]["Statement"][0]["Effect"] for name in self._policies()),
            "scaling": self._lifecycle(),
            "registered": self._registered(),
            "entries": self.network.shape()["entries"],
            "snapshots": len(self._snapshots()),
        }

    def _policies(self):
        return self.client("iam").list_role_policies(RoleName=self.name)["PolicyNames"]

    def _associations(self):
        found = self.client("ec2").describe_iam_instance_profile_associations(
            Filters=[{"Name": "instance-id", "Values": [self.instance]}]
        )["IamInstanceProfileAssociations"]
        return [association["IamInstanceProfile"]["Arn"].rpartition("/")[2] for association in found]

    def _lifecycle(self):
        found = self.client("autoscaling").describe_auto_scaling_instances(InstanceIds=[self.instance])
        return [member["LifecycleState"] for member in found["AutoScalingInstances"]]

    def _registered(self):
        found = self.client("elbv2").describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        states = {health["Target"]["Id"]: health["TargetHealth"]["State"] for health in found}
        return states.get(self.instance, "unused") not in ("unused", "draining")

    def _snapshots(self):
        volumes = [mapping["Ebs"]["VolumeId"] for mapping in self.described()["BlockDeviceMappings"]]
        found = self.client("ec2").describe_snapshots(Filters=[{"Name": "volume-id", "Values": volumes}])["Snapshots"]
        return [snapshot["SnapshotId"] for snapshot in found]

    def check(self, test, shape, outputs):
        test.assertEqual(
            (shape["groups"], shape["profiles"], shape["scaling"], shape["registered"], shape["protected"]),
            ([QUARANTINE], [], ["Standby"], False, True),
        )
        test.assertEqual((shape["tags"][0], shape["policies"], shape["snapshots"]), ("isolated", ["Deny"], 1))
        denies = [entry for entry in shape["entries"] if entry[2] == f"{ATTACKER}/32"]
        test.assertEqual([entry[:2] for entry in denies], [(False, "deny"), (True, "deny")])


class StoppedInstance(CompromisedInstance):
    """A person agrees to stop the instance besides."""

    final, state = "Stop", "stopped"

    def parameters(self, **more):
        return super().parameters(**{"FinalAction": [self.final], "Approvers": [APPROVER], **more})

    def check(self, test, shape, outputs):
        test.assertEqual(shape["state"], self.state)


class IsolatedInstance(CompromisedInstance):
    """An instance that was isolated before."""

    file, document = "ec2-release.yaml", "Quell-EC2-Release"
    proof, proves_again, undone_by = "Prove.Restored", False, None
    contained_without = ("ec2:CreateTags", "ssm:PutParameter")

    def build(self):
        super().build()
        ec2, iam = self.client("ec2"), self.client("iam")
        policy = f"QuellRevokeSessions-{self.instance}-20260105T100000Z"
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName=self.name, PolicyName=policy, PolicyDocument=json.dumps(document))
        association = ec2.describe_iam_instance_profile_associations(
            Filters=[{"Name": "instance-id", "Values": [self.instance]}]
        )["IamInstanceProfileAssociations"][0]["AssociationId"]
        ec2.disassociate_iam_instance_profile(AssociationId=association)
        self.client("autoscaling").enter_standby(
            AutoScalingGroupName=self.name, InstanceIds=[self.instance], ShouldDecrementDesiredCapacity=False
        )
        self.client("elbv2").deregister_targets(TargetGroupArn=self.target_group, Targets=[{"Id": self.instance}])
        ec2.modify_instance_attribute(InstanceId=self.instance, DisableApiTermination={"Value": True})
        self.network.tag(self.instance, "quell:status")
        self._record(policy, self._quarantine(), self._deny())

    def _quarantine(self):
        """Moves the interface to the quarantine group; gives what the record says of it."""
        ec2, described = self.client("ec2"), self.described()
        group = ec2.create_security_group(GroupName=QUARANTINE, Description="q", VpcId=self.network.vpc)["GroupId"]
        (interface,) = described["NetworkInterfaces"]
        before = {interface["NetworkInterfaceId"]: [g["GroupId"] for g in interface["Groups"]]}
        ec2.modify_network_interface_attribute(NetworkInterfaceId=interface["NetworkInterfaceId"], Groups=[group])
        return before

    def _deny(self):
        """Denies the attacker's address; gives what the record says of it."""
        ec2 = self.client("ec2")
        (acl,) = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self.network.vpc]}])["NetworkAcls"]
        denies = []
        for egress in (False, True):
            entry = {"RuleNumber": 7, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": f"{ATTACKER}/32"}
            ec2.create_network_acl_entry(NetworkAclId=acl["NetworkAclId"], Egress=egress, **entry)
            denies.append([acl["NetworkAclId"], 7, egress, f"{ATTACKER}/32"])
        return denies

    def _record(self, policy, interfaces, denies):
        record = {
            "version": 1,
            "status": "isolated",
            "instance": self.instance,
            "isolatedAt": "2026-01-05T10:00:00Z",
            "incident": "",
            "case": "manual/2026-01-05T10:00:00Z",
            "vpc": self.network.vpc,
            "state": "running",
            "protected": False,
            "profile": self.profile,
            "role": self.name,
            "policy": policy,
            "interfaces": interfaces,
            "acls": sorted({deny[0] for deny in denies}),
            "asg": {"name": self.name, "state": "InService"},
            "targets": [[self.target_group, self.instance, 80]],
            "denies": denies,
        }
        self.client("ssm").put_parameter(
            Name=f"/quell/prior-state/{self.instance}", Value=json.dumps(record), Type="String", Overwrite=True
        )

    def parameters(self, **more):
        given = {"InstanceId": [self.instance], "KeepSessionRevocation": ["false"], **more}
        role = f"arn:aws:iam::{self.profile.split(':')[4]}:role/{self.role}"
        return {**given, "AutomationAssumeRole": [role]}

    # Nothing is refused: what may not be touched was not isolated.
    forbid = finding = None

    def check(self, test, shape, outputs):
        shape = dict(shape)
        test.assertEqual(shape.pop("tags"), ["released", ["quell:released-at", "quell:status"]])
        healthy = dict(self.healthy)
        del healthy["tags"]
        test.assertEqual(shape, healthy)


WORLDS = [CompromisedInstance, IsolatedInstance]
