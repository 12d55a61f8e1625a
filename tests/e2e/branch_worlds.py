"""Worlds for the parts of playbooks that only some parameters or resources reach: what a person agrees to, database
clusters, recovery points, a whole account.
"""

import json
import urllib.request

from instance_worlds import QUARANTINE, CompromisedInstance, StoppedInstance
from playbook_worlds import (
    APPROVER,
    AttackedDatabase,
    IamRole,
    IamUser,
    PlainFunction,
    PublicBucket,
    StolenFunctionRole,
    StolenInstanceRole,
    World,
    finding_of,
    looked_up,
    make_database,
    or_none,
)
from quelltest import ACCOUNT, REGION

REVOCATION = "QuellRevokeSessions-20260105T100000Z"


def planted(until, action="*", *more):
    """A policy like that of the playbooks."""
    dates = {"DateLessThan": {"aws:TokenIssueTime": until}}
    statement = {"Sid": "QuellContain", "Effect": "Deny", "Action": action, "Resource": "*", "Condition": dates}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement, *more]})


# It denies what was issued long before the sighting.
LOOSE = planted("2025-12-31T00:00:00Z")
# What has the name of a revocation and denies less: a second of 1979 as AWS takes it too, one service, all but what is allowed.
PLANTED = (
    LOOSE,
    planted("300000000"),
    planted("2026-01-06T00:00:00Z", "s3:*"),
    planted("2026-01-06T00:00:00Z", "*", {"Effect": "Allow", "Action": "*", "Resource": "*"}),
)


class UserWithPassword(IamUser):
    """A person agrees to delete the user's console password."""

    contained_without = ("iam:DeleteLoginProfile",)
    # Nobody but the user knew the password.
    stays = ("password",)

    def build(self):
        super().build()
        self.client("iam").create_login_profile(UserName=self.user, Password="not-a-secret-1A!")

    def parameters(self, **more):
        return super().parameters(**{"DeleteLoginProfile": ["true"], "Approvers": [APPROVER], **more})

    def shape(self):
        iam = self.client("iam")
        found = or_none(lambda: iam.get_login_profile(UserName=self.user), "NoSuchEntity")
        return {**super().shape(), "password": found is not None}

    def check(self, test, shape, outputs):
        test.assertFalse(shape["password"])
        super().check(test, shape, outputs)


class LooseUser(IamUser):
    """Somebody wrote a policy of the playbook's name that denies next to nothing."""

    def build(self):
        super().build()
        self.client("iam").put_user_policy(UserName=self.user, PolicyName="QuellContain", PolicyDocument=LOOSE)


class LooseRole(IamRole):
    """A policy of the sighting's name is there, and denies what was issued long before it."""

    def build(self):
        super().build()
        plant(self, self.victim, LOOSE)


class LooseFunctionRole(StolenFunctionRole):
    """Like `LooseRole`, of credentials that are used from outside."""

    def build(self):
        super().build()
        plant(self, self.victim, LOOSE)


class LooseFunction(PlainFunction):
    """Like `LooseRole`, of a function."""

    def build(self):
        super().build()
        plant(self, self.function, LOOSE)


def plant(world, role, policy):
    world.client("iam").put_role_policy(RoleName=role, PolicyName=REVOCATION, PolicyDocument=policy)


class TerminatedInstance(StoppedInstance):
    """A person agrees to terminate the instance."""

    final, state = "Terminate", "terminated"


class OpenedQuarantine(CompromisedInstance):
    """An instance whose VPC has a quarantine group already, which somebody opened."""

    def build(self):
        super().build()
        ec2 = self.client("ec2")
        made = ec2.create_security_group(GroupName=QUARANTINE, Description="q", VpcId=self.network.vpc)
        everybody = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=[everybody])


class StolenProfile(StolenInstanceRole):
    """Like its base, but the finding names only the instance."""

    def build(self):
        super().build()
        self.account.answer_lookup(self.instance, [looked_up("RunInstances", "ec2.amazonaws.com")])

    def finding(self):
        resource = {"resourceType": "Instance", "instanceDetails": {"instanceId": self.instance}}
        return finding_of("UnauthorizedAccess:EC2/MetadataDNSRebind", resource)


class AttackedCluster(AttackedDatabase):
    """A database of a cluster, whose snapshots are those of the cluster."""

    def make(self, **more):
        rds, self.cluster = self.client("rds"), f"cluster-{self.token}"
        rds.create_db_cluster(
            DBClusterIdentifier=self.cluster,
            Engine="aurora-postgresql",
            MasterUsername="admin1",
            MasterUserPassword="not-a-secret",
            VpcSecurityGroupIds=more["VpcSecurityGroupIds"],
            Port=more["Port"],
        )
        more["DBClusterIdentifier"], more["Engine"] = self.cluster, "aurora-postgresql"
        make_database(rds, self.database, **more)
        rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=self.shared, DBClusterIdentifier=self.cluster)
        values = ["all", "999988887777"]
        rds.modify_db_cluster_snapshot_attribute(
            DBClusterSnapshotIdentifier=self.shared, AttributeName="restore", ValuesToAdd=values
        )

    def kept(self):
        found = self.client("rds").describe_db_cluster_snapshots(DBClusterIdentifier=self.cluster)["DBClusterSnapshots"]
        return sorted(s["DBClusterSnapshotIdentifier"] for s in found if s["SnapshotType"] == "manual")

    def sharers(self):
        found = self.client("rds").describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier=self.shared)
        attributes = found["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"]
        return sorted(value for attribute in attributes for value in attribute["AttributeValues"])

    def source(self):
        return self.cluster


class ManagedDatabase(AttackedDatabase):
    """A database whose password Secrets Manager keeps; a person agrees to rotate it."""

    def make(self, **more):
        super().make(ManageMasterUserPassword=True, **more)

    def parameters(self, **more):
        return super().parameters(**{"RotateMaster": ["true"], "Approvers": [APPROVER], **more})

    def check(self, test, shape, outputs):
        super().check(test, shape, outputs)
        asked = [seen for seen in self.account.of(self.role) if seen.operation == "RotateSecret"]
        test.assertEqual(len(asked), 1)


class HandedOverDatabase(AttackedDatabase):
    """A database whose password nobody manages; a person agrees that Secrets Manager makes a new one."""

    def parameters(self, **more):
        return super().parameters(**{"RotateMaster": ["true"], "Approvers": [APPROVER], **more})

    def check(self, test, shape, outputs):
        super().check(test, shape, outputs)
        found = self.client("rds").describe_db_instances(DBInstanceIdentifier=self.database)["DBInstances"][0]
        test.assertIn("SecretArn", found["MasterUserSecret"])


class InfectedRecoveryPoint(World):
    """A recovery point of AWS Backup that carries malware."""

    file, document = "malware-quarantine.yaml", "Quell-Malware-Quarantine"

    def build(self):
        self.point = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{self.token}"
        self.client("backup").tag_resource(ResourceArn=self.point, Tags={"owner": "shop"})

    def finding(self):
        details = {"resourceType": "EBSRecoveryPoint", "recoveryPointDetails": {"recoveryPointArn": self.point}}
        return finding_of("Execution:EC2/MaliciousFile!RecoveryPoint", details)

    def forbid(self):
        self.client("backup").tag_resource(ResourceArn=self.point, Tags={"ir:never-touch": "yes"})

    def shape(self):
        return {"tags": self.client("backup").list_tags(ResourceArn=self.point)["Tags"]}

    def check(self, test, shape, outputs):
        test.assertEqual(shape["tags"], {"owner": "shop", "quell:malware": "22ff0000000000000000000000000001"})


class OwnRoot(World):
    """The root user of the run's own account was used; nobody asks to deny it. Nothing is changed."""

    file, document = "root-contain.yaml", "Quell-Root-Contain"

    def build(self):
        self.account.answer_lookup("root", [looked_up("ConsoleLogin", "signin.amazonaws.com")])

    def finding(self):
        details = {"resourceType": "AccessKey", "accessKeyDetails": {"userType": "Root", "userName": "Root"}}
        return finding_of("Policy:IAMUser/RootCredentialUsage", details, 2.0)

    def shape(self):
        return None

    def check(self, test, shape, outputs):
        test.assertTrue(any("ConsoleLogin" in line for line in outputs["Prove.Evidence"]), outputs)


class OpenAccount(PublicBucket):
    """An account whose public access block was taken away. There is one account for all: not beside others."""

    def parameters(self, **more):
        return super().parameters(WholeAccount=["true"], **more)

    def build(self):
        super().build()
        self._ask("DELETE")

    def _ask(self, method):
        """Asks for the account's block; boto3 would put the account's number before the host's name, an address here."""
        url = f"{self.client('s3').meta.endpoint_url}/v20180820/configuration/publicAccessBlock"
        scope = f"AWS4-HMAC-SHA256 Credential=AKIDMOTO/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=0"
        headers = {"x-amz-account-id": ACCOUNT, "Authorization": scope}
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)) as answer:
            return answer.read().decode()

    def check(self, test, shape, outputs):
        test.assertEqual(self._ask("GET").lower().count(">true<"), 4)
        test.assertEqual(outputs["Prove.Contained"], ["true"])

    def finding(self):
        return finding_of("Policy:S3/AccountBlockPublicAccessDisabled", {"resourceType": "AccessKey"})
