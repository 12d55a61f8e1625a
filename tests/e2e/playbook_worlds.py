"""The accounts in which the shipped playbooks are tried: for each one a small world in moto, what to start it with,
and what must be true of the account afterwards.

A world has a token of its own in all its names, so that many live in one account at the same time.
"""

import io
import json
import zipfile

from faulty_account import looked_up
from quelltest import ACCOUNT, REGION

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)
READER = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
)
SEEN = "2026-01-05T10:00:00.000Z"
ATTACKER = "198.51.100.23"
# Who the tests are to Quell: the name of the key that it mints at its first start.
APPROVER = f"arn:aws:iam::{ACCOUNT}:user/quell"


def finding_of(kind, resource, severity=8.0, action=None, **service):
    """A GuardDuty finding as EventBridge delivers it; only what differs is given."""
    return {
        "source": "aws.guardduty",
        "detail-type": "GuardDuty Finding",
        "detail": {
            "schemaVersion": "2.0",
            "accountId": ACCOUNT,
            "region": REGION,
            "id": "22ff0000000000000000000000000001",
            "type": kind,
            "severity": severity,
            "title": "A finding of a test",
            "updatedAt": SEEN,
            "resource": resource,
            "service": {
                "eventFirstSeen": "2026-01-05T09:00:00.000Z",
                "eventLastSeen": SEEN,
                "archived": False,
                "action": action or {},
                **service,
            },
        },
    }


class World:
    """One playbook's world. `build` gives the run's parameters, `shape` all that the playbook may touch."""

    file = document = None
    # Changes that only the first run in an account makes.
    once = ()
    # The output that says whether the run did what it is for.
    proof = "Prove.Contained"
    # Changes whose refusal fails the run although it contains: what it was asked for besides is missing then.
    contained_without = ()
    # What takes the run back, and the parts of the shape that stay: evidence that is kept, and what nothing brings back.
    undone_by = "quell run undo"
    stays = ()
    # Whether a run that finds everything done says so there too.
    proves_again = True

    def __init__(self, clients, account, token):
        self.clients, self.account, self.token = clients, account, token
        self.role = f"run-{token}"
        self.client("iam").create_role(RoleName=self.role, AssumeRolePolicyDocument=TRUST)

    def client(self, service):
        return self.clients(service)

    def whole(self):
        """What must be as before once the run was taken back: the shape, and what it leaves out for brevity."""
        return self.shape()

    def parameters(self, **more):
        """What the run is started with."""
        given = {"FindingJson": [json.dumps(self.finding())], **more}
        return {**given, "AutomationAssumeRole": [f"arn:aws:iam::{ACCOUNT}:role/{self.role}"]}


class IamUser(World):
    """A user with two keys and a console password, one of whose keys was stolen."""

    file, document = "iam-contain.yaml", "Quell-IAM-Contain"

    def build(self):
        iam, self.user = self.client("iam"), f"eve-{self.token}"
        iam.create_user(UserName=self.user)
        self.keys = [iam.create_access_key(UserName=self.user)["AccessKey"]["AccessKeyId"] for _ in range(2)]
        iam.put_user_policy(UserName=self.user, PolicyName="own", PolicyDocument=READER)
        self.account.answer_lookup(
            self.user,
            [
                looked_up("CreateAccessKey", "iam.amazonaws.com", resources=[("AWS::IAM::User", "mallory")]),
                looked_up("ListBuckets", "s3.amazonaws.com", reads=True),
            ],
        )

    def finding(self):
        details = {"accessKeyId": self.keys[0], "principalId": "AIDAX", "userType": "IAMUser", "userName": self.user}
        return finding_of(
            "UnauthorizedAccess:IAMUser/MaliciousIPCaller",
            {"resourceType": "AccessKey", "accessKeyDetails": details},
        )

    def forbid(self):
        self.client("iam").tag_user(UserName=self.user, Tags=[{"Key": "ir:never-touch", "Value": ""}])

    def shape(self):
        iam = self.client("iam")
        keys = {k["AccessKeyId"]: k["Status"] for k in iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]}
        names = iam.list_user_policies(UserName=self.user)["PolicyNames"]
        policies = {
            name: iam.get_user_policy(UserName=self.user, PolicyName=name)["PolicyDocument"] for name in sorted(names)
        }
        return {"keys": [keys[key] for key in self.keys], "policies": policies}

    def check(self, test, shape, outputs):
        test.assertEqual(shape["keys"], ["Inactive", "Inactive"])
        test.assertEqual(set(shape["policies"]), {"own", "QuellContain"})
        statement = shape["policies"]["QuellContain"]["Statement"][0]
        test.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", "*", "*"))
        test.assertNotIn("Condition", statement)
        calls = next(line for line in outputs["Prove.Evidence"] if line.startswith("calls since 2026-01-05T09:00:00Z"))
        test.assertLess(calls.index("changed iam.amazonaws.com:CreateAccessKey x1 on mallory"), calls.index("read s3"))
        prior = json.loads(outputs["Prove.Prior"][0])
        test.assertEqual(prior["keys"], dict.fromkeys(self.keys, "Active"))


class IamRole(World):
    """A role whose session was stolen."""

    file, document = "iam-contain.yaml", "Quell-IAM-Contain"

    def build(self):
        self.victim = f"app-{self.token}"
        self.client("iam").create_role(RoleName=self.victim, AssumeRolePolicyDocument=TRUST)

    def finding(self):
        details = {"accessKeyId": "ASIAXXXXXXXXXXXXXXXX", "userType": "AssumedRole", "userName": self.victim}
        return finding_of(
            "CredentialAccess:IAMUser/AnomalousBehavior",
            {"resourceType": "AccessKey", "accessKeyDetails": details},
        )

    def forbid(self):
        self.client("iam").tag_role(RoleName=self.victim, Tags=[{"Key": "ir:never-touch", "Value": ""}])

    def shape(self):
        return role_policies(self.client("iam"), self.victim)

    def check(self, test, shape, outputs):
        test.assertEqual(set(shape), {"QuellRevokeSessions-20260105T100000Z"})
        check_revocation(test, shape["QuellRevokeSessions-20260105T100000Z"])


def role_policies(iam, role):
    """A role's inline policies, without the moment that a revocation names."""
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policies = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in sorted(names)}
    for policy in policies.values():
        for statement in policy["Statement"]:
            for dates in [statement.get("Condition", {}).get("DateLessThan", {})]:
                dates.update({key: "some time" for key, value in dates.items() if "2026-01-05T10:" < value < "2100-"})
    return policies


def check_revocation(test, policy):
    (statement,) = policy["Statement"]
    test.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", "*", "*"))
    test.assertEqual(statement["Condition"], {"DateLessThan": {"aws:TokenIssueTime": "some time"}})


class PublicBucket(World):
    """A bucket that a policy and an ACL share with everybody."""

    file, document = "s3-block-public.yaml", "Quell-S3-BlockPublic"

    def build(self):
        s3, self.bucket = self.client("s3"), f"shop-{self.token}"
        s3.create_bucket(Bucket=self.bucket)
        s3.put_object(Bucket=self.bucket, Key="customers.csv", Body=b"names")
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{self.bucket}/*",
                }
            ],
        }
        s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
        s3.put_bucket_acl(Bucket=self.bucket, ACL="public-read")

    def finding(self):
        return finding_of(
            "Policy:S3/BucketPublicAccessGranted",
            {"resourceType": "S3Bucket", "s3BucketDetails": [{"name": self.bucket, "type": "Destination"}]},
        )

    def forbid(self):
        tag_bucket(self, "ir:never-touch")

    def shape(self):
        return bucket_shape(self.client("s3"), self.bucket)

    def check(self, test, shape, outputs):
        test.assertEqual(set(shape["block"].values()), {True})
        test.assertEqual(len(shape["block"]), 4)
        test.assertIn("s3:GetObject", shape["policy"])
        test.assertIn("objects that were there: customers.csv", outputs["Prove.Evidence"])
        prior = json.loads(outputs["Prove.Prior"][0])
        test.assertEqual((prior["block"], prior["bucket"]), ({}, self.bucket))
        test.assertIn("AllUsers", json.dumps(prior["acl"]))


class PlainBucket(PublicBucket):
    """A bucket without policy, tags and settings."""

    def build(self):
        self.bucket = f"plain-{self.token}"
        self.client("s3").create_bucket(Bucket=self.bucket)

    def check(self, test, shape, outputs):
        test.assertEqual((set(shape["block"].values()), len(shape["block"])), ({True}, 4))
        test.assertIsNone(shape["policy"])


def tag_bucket(world, key):
    world.client("s3").put_bucket_tagging(Bucket=world.bucket, Tagging={"TagSet": [{"Key": key, "Value": "yes"}]})


def or_none(read, *codes):
    """An answer, or nothing where the account says that there is nothing."""
    try:
        return read()
    except Exception as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") in codes:
            return None
        raise


def bucket_shape(s3, bucket):
    block = or_none(lambda: s3.get_public_access_block(Bucket=bucket), "NoSuchPublicAccessBlockConfiguration")
    policy = or_none(lambda: s3.get_bucket_policy(Bucket=bucket), "NoSuchBucketPolicy")
    return {
        "block": block["PublicAccessBlockConfiguration"] if block else {},
        "policy": policy["Policy"] if policy else None,
        "acl": s3.get_bucket_acl(Bucket=bucket)["Grants"],
        "logging": s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled"),
    }

class StolenInstanceRole(World):
    """An instance whose role's credentials are used from outside."""

    file, document = "ec2-revoke-credentials.yaml", "Quell-EC2-RevokeCredentials"

    def build(self):
        iam, ec2, self.victim = self.client("iam"), self.client("ec2"), f"web-{self.token}"
        iam.create_role(RoleName=self.victim, AssumeRolePolicyDocument=TRUST)
        profile = iam.create_instance_profile(InstanceProfileName=self.victim)["InstanceProfile"]["Arn"]
        iam.add_role_to_instance_profile(InstanceProfileName=self.victim, RoleName=self.victim)
        self.network = Network(self)
        self.instance = self.network.instance()
        ec2.associate_iam_instance_profile(IamInstanceProfile={"Arn": profile}, InstanceId=self.instance)
        self.account.answer_lookup("ASIASTOLEN00000000000", [looked_up("RunInstances", "ec2.amazonaws.com")])

    def finding(self):
        details = {
            "accessKeyId": "ASIASTOLEN00000000000",
            "principalId": f"AROAX:{self.instance}",
            "userType": "AssumedRole",
            "userName": self.victim,
        }
        return finding_of(
            "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS",
            {"resourceType": "AccessKey", "accessKeyDetails": details},
        )

    def forbid(self):
        self.network.tag(self.instance, "ir:never-touch")

    def shape(self):
        ec2 = self.client("ec2")
        found = ec2.describe_iam_instance_profile_associations(
            Filters=[{"Name": "instance-id", "Values": [self.instance]}]
        )["IamInstanceProfileAssociations"]
        described = ec2.describe_instances(InstanceIds=[self.instance])["Reservations"][0]["Instances"][0]
        return {
            "policies": role_policies(self.client("iam"), self.victim),
            "profiles": [association["IamInstanceProfile"]["Arn"] for association in found],
            "tokens": described.get("MetadataOptions", {}).get("HttpTokens", "optional"),
        }

    def check(self, test, shape, outputs):
        test.assertEqual((shape["profiles"], shape["tokens"]), ([], "required"))
        check_revocation(test, shape["policies"]["QuellRevokeSessions-20260105T100000Z"])
        test.assertTrue(any("RunInstances" in line for line in outputs["Prove.Evidence"]))


class StolenFunctionRole(StolenInstanceRole):
    """A role of no instance whose credentials are used from outside."""

    def build(self):
        self.victim = f"fn-{self.token}"
        self.client("iam").create_role(RoleName=self.victim, AssumeRolePolicyDocument=TRUST)

    def finding(self):
        details = {
            "accessKeyId": "ASIASTOLEN00000000000",
            "principalId": "AROAX:function",
            "userType": "AssumedRole",
            "userName": self.victim,
        }
        return finding_of(
            "UnauthorizedAccess:IAMUser/ResourceCredentialExfiltration.OutsideAWS",
            {"resourceType": "AccessKey", "accessKeyDetails": details},
        )

    def forbid(self):
        self.client("iam").tag_role(RoleName=self.victim, Tags=[{"Key": "ir:never-touch", "Value": ""}])

    def shape(self):
        return {"policies": role_policies(self.client("iam"), self.victim)}

    def check(self, test, shape, outputs):
        check_revocation(test, shape["policies"]["QuellRevokeSessions-20260105T100000Z"])


class Network:
    """A VPC with a subnet and a group that lets everybody in to two ports."""

    def __init__(self, world):
        self.ec2 = world.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.group = self.ec2.create_security_group(
            GroupName=f"web-{world.token}", Description="web", VpcId=self.vpc
        )["GroupId"]
        rules = [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "for now"}, {"CidrIp": "10.0.0.0/8"}],
                "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
            },
        ]
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=rules)

    def instance(self):
        made = self.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=self.subnet, SecurityGroupIds=[self.group]
        )
        return made["Instances"][0]["InstanceId"]

    def tag(self, resource, key):
        self.ec2.create_tags(Resources=[resource], Tags=[{"Key": key, "Value": "yes"}])

    def shape(self):
        """The group's rules and the network ACL's entries."""
        group = self.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"][0]
        acls = self.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["NetworkAcls"]
        rules = [
            (rule["IpProtocol"], rule.get("FromPort"), sorted(r["CidrIp"] for r in rule["IpRanges"]), rule["Ipv6Ranges"])
            for rule in group["IpPermissions"]
        ]
        entries = [
            (entry["Egress"], entry["RuleAction"], entry.get("CidrBlock"), entry["Protocol"], entry["RuleNumber"] < 100)
            for acl in acls
            for entry in acl["Entries"]
        ]
        return {"rules": sorted(rules), "entries": sorted(entries)}

    def whole(self):
        """The group's rules and the network ACL's entries with all that belongs to them."""
        group = self.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"][0]
        acls = self.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["NetworkAcls"]
        for rule in group["IpPermissions"]:
            rule["IpRanges"].sort(key=lambda one: one["CidrIp"])
        for acl in acls:
            acl["Entries"].sort(key=lambda one: (one["Egress"], one["RuleNumber"]))
        group["IpPermissions"].sort(key=lambda rule: rule.get("FromPort", 0))
        return [group, acls]


class ExposedInstance(World):
    """An instance that somebody tries passwords on."""

    file, document = "ec2-close-exposure.yaml", "Quell-EC2-CloseExposure"

    def build(self):
        self.network = Network(self)
        self.instance = self.network.instance()

    def finding(self):
        action = {
            "actionType": "NETWORK_CONNECTION",
            "networkConnectionAction": {
                "localPortDetails": {"port": 22, "portName": "SSH"},
                "remoteIpDetails": {"ipAddressV4": ATTACKER},
            },
        }
        details = {"resourceType": "Instance", "instanceDetails": {"instanceId": self.instance}}
        return finding_of("UnauthorizedAccess:EC2/SSHBruteForce", details, 2.0, action, resourceRole="TARGET")

    def forbid(self):
        self.network.tag(self.network.group, "ir:never-touch")

    def shape(self):
        return self.network.shape()

    def whole(self):
        return {"network": self.network.whole()}

    def check(self, test, shape, outputs):
        test.assertEqual(shape["rules"], [("tcp", 22, ["10.0.0.0/8"], []), ("tcp", 443, ["0.0.0.0/0"], [])])
        denies = [entry for entry in shape["entries"] if entry[2] == f"{ATTACKER}/32"]
        test.assertEqual(denies, [(False, "deny", f"{ATTACKER}/32", "-1", True), (True, "deny", f"{ATTACKER}/32", "-1", True)])


class StoppedTrail(World):
    """A trail that somebody stopped after narrowing what it records, in a region of its own."""

    file, document = "logging-restore.yaml", "Quell-Logging-Restore"

    def build(self):
        s3, trails, self.trail = self.client("s3"), self.client("cloudtrail"), f"trail-{self.token}"
        s3.create_bucket(Bucket=self.trail)
        self.arn = trails.create_trail(Name=self.trail, S3BucketName=self.trail)["TrailARN"]
        trails.start_logging(Name=self.trail)
        self.data = [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{self.trail}/"]}]
        selector = {"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False, "DataResources": self.data}
        trails.put_event_selectors(TrailName=self.trail, EventSelectors=[selector])
        trails.stop_logging(Name=self.trail)

    def finding(self):
        action = {"awsApiCallAction": {"api": "StopLogging", "affectedResources": {"AWS::CloudTrail::Trail": self.arn}}}
        details = {"resourceType": "AccessKey", "accessKeyDetails": {"userName": "eve", "userType": "IAMUser"}}
        return finding_of("Stealth:IAMUser/CloudTrailLoggingDisabled", details, 2.0, action)

    def forbid(self):
        self.client("cloudtrail").add_tags(ResourceId=self.arn, TagsList=[{"Key": "ir:never-touch", "Value": "yes"}])

    def shape(self):
        trails = self.client("cloudtrail")
        return {
            "logging": trails.get_trail_status(Name=self.trail)["IsLogging"],
            "selectors": trails.get_event_selectors(TrailName=self.trail)["EventSelectors"],
        }

    def check(self, test, shape, outputs):
        test.assertTrue(shape["logging"])
        test.assertEqual(len(shape["selectors"]), 1)
        selector = shape["selectors"][0]
        test.assertEqual((selector["ReadWriteType"], selector["IncludeManagementEvents"]), ("All", True))
        test.assertEqual(selector["DataResources"], self.data)
        test.assertTrue(any(line.startswith("blind window: trail-") for line in outputs["Prove.Evidence"]))


class SilentBucket(World):
    """A bucket whose access log was turned off, in a VPC account without flow logs."""

    file, document = "logging-restore.yaml", "Quell-Logging-Restore"

    def build(self):
        s3, self.bucket, self.logs = self.client("s3"), f"quiet-{self.token}", f"logs-{self.token}"
        for bucket in (self.bucket, self.logs):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_acl(Bucket=self.logs, ACL="log-delivery-write")
        trails = self.client("cloudtrail")
        self.trail = trails.create_trail(Name=f"trail-{self.token}", S3BucketName=self.logs)["Name"]
        # What CloudTrail itself says of a trail for which nobody chose; moto says nothing then.
        everything = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}
        trails.put_event_selectors(TrailName=self.trail, EventSelectors=[everything])
        trails.start_logging(Name=self.trail)
        self.vpc = self.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def parameters(self, **more):
        return super().parameters(
            TrailName=[self.trail],
            LogBucket=[self.logs],
            VpcId=[self.vpc],
            FlowLogDestination=[f"arn:aws:s3:::{self.logs}"],
            **more,
        )

    def finding(self):
        return finding_of(
            "Stealth:S3/ServerAccessLoggingDisabled",
            {"resourceType": "S3Bucket", "s3BucketDetails": [{"name": self.bucket}]},
            2.0,
        )

    def forbid(self):
        tag_bucket(self, "ir:never-touch")

    def shape(self):
        found = self.client("ec2").describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [self.vpc]}])
        flows = [(flow["FlowLogStatus"], flow["TrafficType"], flow["LogDestination"]) for flow in found["FlowLogs"]]
        logging = bucket_shape(self.client("s3"), self.bucket)["logging"]
        selectors = self.client("cloudtrail").get_event_selectors(TrailName=self.trail)["EventSelectors"]
        return {"flows": flows, "logging": logging, "selectors": selectors}

    def check(self, test, shape, outputs):
        test.assertEqual(shape["flows"], [("ACTIVE", "ALL", f"arn:aws:s3:::{self.logs}")])
        test.assertEqual(shape["logging"], {"TargetBucket": self.logs, "TargetPrefix": f"access/{self.bucket}/"})

class SharedSnapshot(World):
    """A snapshot that an attacker shared with an account of theirs and with everybody."""

    file, document = "share-revoke.yaml", "Quell-Share-Revoke"
    trusted, stranger = "222233334444", "999988887777"

    def build(self):
        ec2 = self.client("ec2")
        volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        self.shared = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        ec2.modify_snapshot_attribute(
            SnapshotId=self.shared,
            Attribute="createVolumePermission",
            OperationType="add",
            UserIds=[self.trusted, self.stranger],
            GroupNames=["all"],
        )

    def parameters(self, **more):
        return super().parameters(TrustedAccounts=[self.trusted], **more)

    def finding(self):
        arn = f"arn:aws:ec2:{REGION}::snapshot/{self.shared}"
        action = {"awsApiCallAction": {"affectedResources": {"AWS::EC2::Snapshot": arn}}}
        return finding_of("Exfiltration:EC2/TransferDataToCloudAccount", {"resourceType": "AccessKey"}, 8.0, action)

    def forbid(self):
        self.client("ec2").create_tags(Resources=[self.shared], Tags=[{"Key": "ir:never-touch", "Value": "yes"}])

    def shape(self):
        found = self.client("ec2").describe_snapshot_attribute(
            SnapshotId=self.shared, Attribute="createVolumePermission"
        )
        return sorted(p.get("UserId", p.get("Group")) for p in found["CreateVolumePermissions"])

    def check(self, test, shape, outputs):
        test.assertEqual(shape, [self.trusted])
        prior = json.loads(outputs["Prove.Prior"][0])
        test.assertEqual(prior["sharedWith"], [self.trusted, self.stranger, "all"])


class SharedImage(SharedSnapshot):
    """An image that an attacker shared."""

    def build(self):
        ec2 = self.client("ec2")
        self.shared = ec2.register_image(Name=f"image-{self.token}", RootDeviceName="/dev/sda1")["ImageId"]
        added = [{"UserId": self.trusted}, {"UserId": self.stranger}, {"Group": "all"}]
        ec2.modify_image_attribute(ImageId=self.shared, LaunchPermission={"Add": added})

    def shape(self):
        found = self.client("ec2").describe_image_attribute(ImageId=self.shared, Attribute="launchPermission")
        return sorted(p.get("UserId", p.get("Group")) for p in found["LaunchPermissions"])


class SharedDatabase(SharedSnapshot):
    """A database snapshot that an attacker shared."""

    def build(self):
        rds, self.shared = self.client("rds"), f"copy-{self.token}"
        make_database(rds, f"db-{self.token}")
        rds.create_db_snapshot(DBSnapshotIdentifier=self.shared, DBInstanceIdentifier=f"db-{self.token}")
        values = [self.trusted, self.stranger, "all"]
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=self.shared, AttributeName="restore", ValuesToAdd=values
        )

    def finding(self):
        return finding_of("Exfiltration:RDS/TransferDataToCloudAccount", {"resourceType": "AccessKey"})

    def parameters(self, **more):
        return super().parameters(DbSnapshotId=[self.shared], **more)

    def forbid(self):
        arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:{self.shared}"
        self.client("rds").add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "ir:never-touch", "Value": "yes"}])

    def shape(self):
        found = self.client("rds").describe_db_snapshot_attributes(DBSnapshotIdentifier=self.shared)
        attributes = found["DBSnapshotAttributesResult"]["DBSnapshotAttributes"]
        return sorted(value for attribute in attributes for value in attribute["AttributeValues"])


def make_database(rds, name, **more):
    given = {"DBInstanceClass": "db.t3.micro", "Engine": "postgres", "AllocatedStorage": 20, "MasterUsername": "admin1"}
    if "ManageMasterUserPassword" not in more:
        given["MasterUserPassword"] = "not-a-secret"
    rds.create_db_instance(DBInstanceIdentifier=name, **{**given, **more})


class RobbedBucket(PublicBucket):
    """A bucket that a role's session copies away."""

    file, document = "s3-stop-exfiltration.yaml", "Quell-S3-StopExfiltration"

    def build(self):
        super().build()
        self.account.answer_lookup(f"thief-{self.token}", [looked_up("GetObject", "s3.amazonaws.com", reads=True)])

    def finding(self):
        resource = {
            "resourceType": "AccessKey",
            "accessKeyDetails": {"userType": "AssumedRole", "userName": f"thief-{self.token}"},
            "s3BucketDetails": [{"name": self.bucket}],
        }
        action = {"awsApiCallAction": {"api": "GetObject", "remoteIpDetails": {"ipAddressV4": ATTACKER}}}
        return finding_of("Exfiltration:S3/AnomalousBehavior", resource, 8.0, action)

    def check(self, test, shape, outputs):
        own, *added = json.loads(shape["policy"])["Statement"]
        test.assertEqual([own], json.loads(self.before["policy"])["Statement"])
        arn = f"arn:aws:iam::{ACCOUNT}:role/thief-{self.token}"
        conditions = [
            {"ArnLike": {"aws:PrincipalArn": [arn, arn.replace("/", "/*/")]}},
            {"IpAddress": {"aws:SourceIp": f"{ATTACKER}/32"}},
        ]
        for statement, condition in zip(added, conditions, strict=True):
            test.assertEqual((statement["Effect"], statement["Principal"], statement["Action"]), ("Deny", "*", "s3:*"))
            test.assertEqual(statement["Resource"], [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"])
            test.assertEqual(statement["Condition"], condition)
        prior = json.loads(outputs["Prove.Prior"][0])
        test.assertEqual(prior["policy"], self.before["policy"])


class RobbedPlainBucket(RobbedBucket):
    """A bucket without a policy that somebody without a name reads."""

    def build(self):
        self.bucket = f"plain-{self.token}"
        self.client("s3").create_bucket(Bucket=self.bucket)

    def finding(self):
        action = {"awsApiCallAction": {"api": "GetObject", "remoteIpDetails": {"ipAddressV4": ATTACKER}}}
        resource = {"resourceType": "S3Bucket", "s3BucketDetails": [{"name": self.bucket}]}
        return finding_of("Discovery:S3/TorIPCaller", resource, 8.0, action)

    def check(self, test, shape, outputs):
        (statement,) = json.loads(shape["policy"])["Statement"]
        test.assertEqual(statement["Condition"], {"IpAddress": {"aws:SourceIp": f"{ATTACKER}/32"}})


class HijackedFunction(World):
    """A function with a public URL and a public policy."""

    file, document = "lambda-contain.yaml", "Quell-Lambda-Contain"
    # The code is evidence.
    stays = ("versions",)

    def build(self):
        functions, self.function = self.client("lambda"), f"fn-{self.token}"
        role = self.client("iam").create_role(RoleName=self.function, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("app.py", "def handler(event, context):\n    return 1\n")
        self.arn = functions.create_function(
            FunctionName=self.function,
            Role=role,
            Runtime="python3.11",
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
        )["FunctionArn"]
        for sid, principal in (("everybody", "*"), ("gateway", "apigateway.amazonaws.com")):
            functions.add_permission(
                FunctionName=self.function, StatementId=sid, Action="lambda:InvokeFunction", Principal=principal
            )
        functions.create_function_url_config(FunctionName=self.function, AuthType="NONE")

    def finding(self):
        details = {"resourceType": "Lambda", "lambdaDetails": {"functionName": self.function, "functionArn": self.arn}}
        return finding_of("Backdoor:Lambda/C&CActivity.B", details)

    def forbid(self):
        self.client("lambda").tag_resource(Resource=self.arn, Tags={"ir:never-touch": "yes"})

    def shape(self):
        functions = self.client("lambda")
        policy = json.loads(functions.get_policy(FunctionName=self.function)["Policy"])
        versions = functions.list_versions_by_function(FunctionName=self.function)["Versions"]
        return {
            "concurrency": functions.get_function_concurrency(FunctionName=self.function).get(
                "ReservedConcurrentExecutions"
            ),
            "statements": sorted(statement["Sid"] for statement in policy["Statement"]),
            "url": functions.get_function_url_config(FunctionName=self.function)["AuthType"],
            "versions": [version["Version"] for version in versions],
            "policies": role_policies(self.client("iam"), self.function),
        }

    def check(self, test, shape, outputs):
        test.assertEqual((shape["concurrency"], shape["url"]), (0, "AWS_IAM"))
        test.assertEqual(shape["statements"], ["gateway"])
        test.assertEqual(shape["versions"], ["$LATEST", "1"])
        check_revocation(test, shape["policies"]["QuellRevokeSessions-20260105T100000Z"])


class PlainFunction(HijackedFunction):
    """A function without URL and policy."""

    def build(self):
        super().build()
        functions = self.client("lambda")
        functions.delete_function_url_config(FunctionName=self.function)
        for sid in ("everybody", "gateway"):
            functions.remove_permission(FunctionName=self.function, StatementId=sid)

    def shape(self):
        functions = self.client("lambda")
        concurrency = functions.get_function_concurrency(FunctionName=self.function)
        return {
            "concurrency": concurrency.get("ReservedConcurrentExecutions"),
            "policies": role_policies(self.client("iam"), self.function),
        }

    def check(self, test, shape, outputs):
        test.assertEqual(shape["concurrency"], 0)
        check_revocation(test, shape["policies"]["QuellRevokeSessions-20260105T100000Z"])


class AttackedDatabase(World):
    """A database that everybody may reach, with a shared snapshot."""

    file, document = "rds-contain.yaml", "Quell-RDS-Contain"
    # A snapshot is evidence.
    stays = ("kept",)

    def build(self):
        self.network = Network(self)
        self.database, self.shared = f"db-{self.token}", f"copy-{self.token}"
        everybody = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        self.client("ec2").authorize_security_group_ingress(GroupId=self.network.group, IpPermissions=[everybody])
        self.make(PubliclyAccessible=True, VpcSecurityGroupIds=[self.network.group], Port=5432)

    def make(self, **more):
        """The database with a snapshot that is shared."""
        rds = self.client("rds")
        make_database(rds, self.database, **more)
        rds.create_db_snapshot(DBSnapshotIdentifier=self.shared, DBInstanceIdentifier=self.database)
        values = ["all", "999988887777"]
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=self.shared, AttributeName="restore", ValuesToAdd=values
        )

    def finding(self):
        details = {"dbInstanceIdentifier": self.database, "engine": "postgres"}
        return finding_of(
            "CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce",
            {"resourceType": "RDSDBInstance", "rdsDbInstanceDetails": details},
        )

    def forbid(self):
        arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{self.database}"
        self.client("rds").add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "ir:never-touch", "Value": "yes"}])

    def shape(self):
        found = self.client("rds").describe_db_instances(DBInstanceIdentifier=self.database)
        return {
            "public": found["DBInstances"][0]["PubliclyAccessible"],
            "rules": self.network.shape()["rules"],
            "kept": self.kept(),
            "shared": self.sharers(),
        }

    def whole(self):
        return {**self.shape(), "network": self.network.whole()}

    def kept(self):
        found = self.client("rds").describe_db_snapshots(DBInstanceIdentifier=self.database, SnapshotType="manual")
        return sorted(snapshot["DBSnapshotIdentifier"] for snapshot in found["DBSnapshots"])

    def sharers(self):
        return SharedDatabase.shape(self)

    def source(self):
        """What snapshots are made of."""
        return self.database

    def check(self, test, shape, outputs):
        test.assertFalse(shape["public"])
        test.assertEqual([rule[1] for rule in shape["rules"]], [22, 443])
        test.assertEqual(shape["kept"], [self.shared, f"quell-{self.source()}-20260105-100000"])
        test.assertEqual(shape["shared"], [])


class UsedRoot(World):
    """A member account whose root user was used; a person agrees to deny it."""

    file, document = "root-contain.yaml", "Quell-Root-Contain"
    once = ("organizations:CreatePolicy",)

    def build(self):
        organizations = self.client("organizations")
        or_none(lambda: organizations.create_organization(FeatureSet="ALL"), "AlreadyInOrganizationException")
        made = organizations.create_account(Email=f"{self.token}@example.com", AccountName=self.token)
        self.member = made["CreateAccountStatus"]["AccountId"]
        self.account.answer_lookup("root", [looked_up("ConsoleLogin", "signin.amazonaws.com")])

    def parameters(self, **more):
        return super().parameters(**{"DenyRoot": ["true"], "Approvers": [APPROVER], **more})

    def finding(self):
        details = {"resourceType": "AccessKey", "accessKeyDetails": {"userType": "Root", "userName": "Root"}}
        found = finding_of("Policy:IAMUser/RootCredentialUsage", details, 2.0)
        found["detail"]["accountId"] = self.member
        return found

    def forbid(self):
        self.client("organizations").tag_resource(
            ResourceId=self.member, Tags=[{"Key": "ir:never-touch", "Value": "yes"}]
        )

    def shape(self):
        organizations = self.client("organizations")
        attached = organizations.list_policies_for_target(TargetId=self.member, Filter="SERVICE_CONTROL_POLICY")
        contents = {}
        for policy in attached["Policies"]:
            if policy["Name"] != "FullAWSAccess":
                contents[policy["Name"]] = organizations.describe_policy(PolicyId=policy["Id"])["Policy"]["Content"]
        return contents

    def check(self, test, shape, outputs):
        (statement,) = json.loads(shape["QuellDenyRoot"])["Statement"]
        test.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", "*", "*"))
        test.assertEqual(statement["Condition"], {"StringLike": {"aws:PrincipalArn": "arn:*:iam::*:root"}})


WORLDS = [
    IamUser,
    IamRole,
    PublicBucket,
    PlainBucket,
    StolenInstanceRole,
    StolenFunctionRole,
    ExposedInstance,
    StoppedTrail,
    SilentBucket,
    SharedSnapshot,
    SharedImage,
    SharedDatabase,
    RobbedBucket,
    RobbedPlainBucket,
    HijackedFunction,
    PlainFunction,
    AttackedDatabase,
    UsedRoot,
]
