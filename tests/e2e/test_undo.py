"""`quell run undo`: for each call with a known inverse the account's state is the same after the undo as before the run."""

import io
import json
import os
import subprocess
import unittest
import zipfile

from quelltest import ACCOUNT, DEADLINE, REGION, QuellTest, binary, wait_until

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
BLOCK = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
CLOSED = {**BLOCK, "BlockPublicAcls": False}
BOUNDARY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ENDS = ("Success", "Failed", "TimedOut", "Cancelled")


def bucket_policy(bucket, effect="Allow"):
    statement = {"Effect": effect, "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def code():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return 1\n")
    return packed.getvalue()


def without_account(request, **_):
    request.url = request.url.replace(f"//{ACCOUNT}.", "//", 1)


class Undo(QuellTest):
    """`test_machine_undo` plays the same on executions: what differs is how a call is made and what takes it back."""

    with_moto = True
    command = "run"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm = cls.quell.client("ssm")
        cls.made = 0
        clients = ("ec2", "s3", "iam", "kms", "lambda", "autoscaling", "elbv2", "cloudtrail", "rds", "backup", "organizations")
        for name in clients:
            setattr(cls, name if name != "lambda" else "functions", cls.moto.client(name))
        # moto answers at one address only, so the account stays out of it.
        cls.s3control = cls.moto.client("s3control")
        cls.s3control.meta.events.register("before-sign", without_account)
        image = cls.ec2.describe_images()["Images"][0]["ImageId"]
        cls.image = image
        cls.instance = cls.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]
        cls.id = cls.instance["InstanceId"]
        vpc = cls.instance["VpcId"]
        cls.group = cls.ec2.create_security_group(GroupName="first", Description="first", VpcId=vpc)["GroupId"]
        cls.ec2.authorize_security_group_ingress(
            GroupId=cls.group,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": "office"}]}],
        )
        cls.acl = cls.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]

    def start(self, service, api, **inputs):
        """Runs a document of one call; gives the execution's id."""
        type(self).made += 1
        name = f"Change-{self.made}"
        step = {"name": "Change", "action": "aws:executeAwsApi", "inputs": {"Service": service, "Api": api, **inputs}}
        content = json.dumps({"schemaVersion": "0.3", "mainSteps": [step]})
        self.ssm.create_document(Name=name, Content=content, DocumentType="Automation")
        run = self.ssm.start_automation_execution(DocumentName=name)["AutomationExecutionId"]
        ended = self.ended(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        return run

    def ended(self, run):
        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] in ENDS else None

        return wait_until("the run's end", look)

    def refused(self, run, *arguments):
        """Why it is not taken back."""
        done = self.asked(run, *arguments)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def asked(self, run, *arguments):
        """Runs `quell run undo` (or `quell machine undo`)."""
        command = [binary(), self.command, "undo", run, "--endpoint-url", self.quell.url, "--credentials", str(self.quell.credentials), *arguments]
        environment = {"PATH": os.environ.get("PATH", ""), "AWS_REGION": REGION}
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, env=environment)

    def undo(self, run, *arguments):
        """Takes a run back; gives what the command prints."""
        done = self.asked(run, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def undone(self, run, *arguments):
        """Takes a run back and waits for the end of the run that does it."""
        said = self.undo(run, *arguments)
        self.assertIn("started ", said)
        return self.ended(said.split("started ")[1].strip())

    def check(self, read, service, api, **inputs):
        """A call changes what `read` gives; its undo brings back the very same."""
        with self.subTest(f"{service}:{api}", **{key: str(value)[:60] for key, value in inputs.items()}):
            before = json.dumps(read(), default=str)
            run = self.start(service, api, **inputs)
            self.assertNotEqual(json.dumps(read(), default=str), before, "the call changes nothing")
            ended = self.undone(run)
            self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
            self.assertEqual(json.dumps(read(), default=str), before)

    def found(self, call, member, codes=()):
        """A member of an answer; None for an error that says that there is none."""
        def look():
            try:
                return call().get(member)
            except Exception as error:  # noqa: BLE001: boto3 makes its exceptions while it runs
                code = getattr(error, "response", {}).get("Error", {}).get("Code")
                if code in codes:
                    return None
                raise

        return look

    def test_instances(self):
        def described():
            return self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

        def attribute(name, member):
            return lambda: self.ec2.describe_instance_attribute(InstanceId=self.id, Attribute=name)[member]

        groups = attribute("groupSet", "Groups")
        self.check(groups, "ec2", "ModifyInstanceAttribute", InstanceId=self.id, Groups=[self.group])
        protected = attribute("disableApiTermination", "DisableApiTermination")
        self.check(protected, "ec2", "ModifyInstanceAttribute", InstanceId=self.id, DisableApiTermination={"Value": True})
        options = lambda: described()["MetadataOptions"]
        self.check(options, "ec2", "ModifyInstanceMetadataOptions", InstanceId=self.id, HttpTokens="required", HttpPutResponseHopLimit=1)
        state = lambda: described()["State"]["Name"]
        self.check(state, "ec2", "StopInstances", InstanceIds=[self.id])
        interface = self.instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
        of_interface = lambda: self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["Groups"]
        self.check(of_interface, "ec2", "ModifyNetworkInterfaceAttribute", NetworkInterfaceId=interface, Groups=[self.group])

    def test_actions_with_inverses(self):
        self.ec2.create_tags(Resources=[self.id], Tags=[{"Key": "state", "Value": "well"}])

        def tags():
            listed = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [self.id]}])["Tags"]
            return sorted(listed, key=lambda tag: tag["Key"])

        self.check(tags, "ec2", "CreateTags", Resources=[self.id], Tags=[{"Key": "state", "Value": "ill"}, {"Key": "new", "Value": "1"}])
        self.check(tags, "ec2", "DeleteTags", Resources=[self.id], Tags=[{"Key": "state"}])
        steps = [
            {"name": "Tag", "action": "aws:createTags", "inputs": {"ResourceIds": [self.id], "Tags": [{"Key": "state", "Value": "stopped"}]}},
            {"name": "Stop", "action": "aws:changeInstanceState", "inputs": {"InstanceIds": [self.id], "DesiredState": "stopped"}},
        ]
        content = json.dumps({"schemaVersion": "0.3", "mainSteps": steps})
        self.ssm.create_document(Name="Actions", Content=content, DocumentType="Automation")
        state = lambda: self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]["State"]["Name"]
        before = tags(), state()
        run = self.ssm.start_automation_execution(DocumentName="Actions")["AutomationExecutionId"]
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Success")
        self.assertEqual(state(), "stopped")
        ended = self.undone(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        self.assertEqual((tags(), state()), before)
        apis = [step["Inputs"]["Api"] for step in ended["StepExecutions"] if "Api" in step["Inputs"]]
        self.assertEqual([json.loads(api) if api.startswith('"') else api for api in apis], ["DescribeInstances", "DescribeTags", "StartInstances", "CreateTags"])

    def test_security_groups_and_acls(self):
        def rules():
            group = self.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"][0]
            return group["IpPermissions"], group["IpPermissionsEgress"]

        ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}
        web = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
        self.check(rules, "ec2", "RevokeSecurityGroupIngress", GroupId=self.group, IpPermissions=[ssh])
        self.check(rules, "ec2", "AuthorizeSecurityGroupIngress", GroupId=self.group, IpPermissions=[web])
        every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        self.check(rules, "ec2", "RevokeSecurityGroupEgress", GroupId=self.group, IpPermissions=[every])
        self.check(rules, "ec2", "AuthorizeSecurityGroupEgress", GroupId=self.group, IpPermissions=[web])

        def entries():
            return self.ec2.describe_network_acls(NetworkAclIds=[self.acl])["NetworkAcls"][0]["Entries"]

        entry = {"NetworkAclId": self.acl, "RuleNumber": 50, "Egress": False}
        self.check(entries, "ec2", "CreateNetworkAclEntry", **entry, Protocol="-1", RuleAction="deny", CidrBlock="203.0.113.9/32")
        self.ec2.create_network_acl_entry(**entry, Protocol="-1", RuleAction="deny", CidrBlock="203.0.113.9/32")
        self.check(entries, "ec2", "ReplaceNetworkAclEntry", **entry, Protocol="-1", RuleAction="allow", CidrBlock="203.0.113.9/32")

        def unordered():
            return sorted(entries(), key=lambda one: (one["RuleNumber"], one["Egress"]))

        self.check(unordered, "ec2", "DeleteNetworkAclEntry", **entry)

    def test_profiles_images_and_snapshots(self):
        self.iam.create_role(RoleName="instance", AssumeRolePolicyDocument=TRUST)
        for name in ("one", "two"):
            self.iam.create_instance_profile(InstanceProfileName=name)
            self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="instance")

        def associated():
            listed = self.ec2.describe_iam_instance_profile_associations(
                Filters=[{"Name": "instance-id", "Values": [self.id]}]
            )["IamInstanceProfileAssociations"]
            return [one["IamInstanceProfile"]["Arn"] for one in listed if one["State"] == "associated"]

        self.check(associated, "ec2", "AssociateIamInstanceProfile", InstanceId=self.id, IamInstanceProfile={"Name": "one"})
        association = self.ec2.associate_iam_instance_profile(InstanceId=self.id, IamInstanceProfile={"Name": "one"})
        association = association["IamInstanceProfileAssociation"]["AssociationId"]
        self.check(associated, "ec2", "DisassociateIamInstanceProfile", AssociationId=association)
        volume = self.ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        snapshot = self.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        shared = lambda: self.ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")["CreateVolumePermissions"]
        self.check(shared, "ec2", "ModifySnapshotAttribute", SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=["111122223333"])
        image = self.ec2.create_image(InstanceId=self.id, Name="own")["ImageId"]
        launch = lambda: self.ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission").get("LaunchPermissions", [])
        self.check(launch, "ec2", "ModifyImageAttribute", ImageId=image, LaunchPermission={"Add": [{"UserId": "111122223333"}]})
        encrypted = lambda: self.ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
        self.check(encrypted, "ec2", "EnableEbsEncryptionByDefault")

    def test_iam(self):
        self.iam.create_user(UserName="leaked")
        self.iam.create_role(RoleName="worker", AssumeRolePolicyDocument=TRUST)
        self.iam.create_group(GroupName="staff")
        key = self.iam.create_access_key(UserName="leaked")["AccessKey"]["AccessKeyId"]
        keys = lambda: self.iam.list_access_keys(UserName="leaked")["AccessKeyMetadata"]
        self.check(keys, "iam", "UpdateAccessKey", UserName="leaked", AccessKeyId=key, Status="Inactive")
        arn = self.iam.create_policy(PolicyName="own", PolicyDocument=POLICY)["Policy"]["Arn"]
        for kind, name in (("Role", "worker"), ("User", "leaked"), ("Group", "staff")):
            lower = kind.lower()
            owner = {f"{kind}Name": name}
            inline = self.found(
                lambda lower=lower, owner=owner: getattr(self.iam, f"get_{lower}_policy")(**owner, PolicyName="p"), "PolicyDocument", ("NoSuchEntity",)
            )
            self.check(inline, "iam", f"Put{kind}Policy", **owner, PolicyName="p", PolicyDocument=DENY)
            getattr(self.iam, f"put_{lower}_policy")(**owner, PolicyName="p", PolicyDocument=POLICY)
            self.check(inline, "iam", f"Put{kind}Policy", **owner, PolicyName="p", PolicyDocument=DENY)
            self.check(inline, "iam", f"Delete{kind}Policy", **owner, PolicyName="p")
            attached = lambda lower=lower, owner=owner: getattr(self.iam, f"list_attached_{lower}_policies")(**owner)["AttachedPolicies"]
            self.check(attached, "iam", f"Attach{kind}Policy", **owner, PolicyArn=arn)
            getattr(self.iam, f"attach_{lower}_policy")(**owner, PolicyArn=arn)
            self.check(attached, "iam", f"Detach{kind}Policy", **owner, PolicyArn=arn)
        bound = lambda: self.iam.get_role(RoleName="worker")["Role"].get("PermissionsBoundary")
        self.check(bound, "iam", "PutRolePermissionsBoundary", RoleName="worker", PermissionsBoundary=arn)
        trusted = lambda: self.iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"]
        self.check(trusted, "iam", "UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=TRUST.replace("ec2", "lambda"))
        member = lambda: self.iam.list_groups_for_user(UserName="leaked")["Groups"]
        self.check(member, "iam", "AddUserToGroup", UserName="leaked", GroupName="staff")

    def test_buckets(self):
        bucket = "undone"
        self.s3.create_bucket(Bucket=bucket)
        policy = self.found(lambda: self.s3.get_bucket_policy(Bucket=bucket), "Policy", ("NoSuchBucketPolicy",))
        self.check(policy, "s3", "PutBucketPolicy", Bucket=bucket, Policy=bucket_policy(bucket))
        self.s3.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket))
        self.check(policy, "s3", "PutBucketPolicy", Bucket=bucket, Policy=bucket_policy(bucket, "Deny"))
        self.check(policy, "s3", "DeleteBucketPolicy", Bucket=bucket)
        blocked = self.found(
            lambda: self.s3.get_public_access_block(Bucket=bucket), "PublicAccessBlockConfiguration", ("NoSuchPublicAccessBlockConfiguration",)
        )
        self.check(blocked, "s3", "PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=BLOCK)
        self.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=CLOSED)
        self.check(blocked, "s3", "PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=BLOCK)
        self.check(blocked, "s3", "DeletePublicAccessBlock", Bucket=bucket)
        encrypted = self.found(
            lambda: self.s3.get_bucket_encryption(Bucket=bucket), "ServerSideEncryptionConfiguration", ("ServerSideEncryptionConfigurationNotFoundError",)
        )
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}}]}
        self.check(encrypted, "s3", "PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=rules)
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        versions = lambda: self.s3.get_bucket_versioning(Bucket=bucket).get("Status")
        self.check(versions, "s3", "PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
        granted = lambda: {key: value for key, value in self.s3.get_bucket_acl(Bucket=bucket).items() if key in ("Owner", "Grants")}
        self.check(granted, "s3", "PutBucketAcl", Bucket=bucket, ACL="public-read")
        account = self.found(
            lambda: self.s3control.get_public_access_block(AccountId=ACCOUNT), "PublicAccessBlockConfiguration", ("NoSuchPublicAccessBlockConfiguration",)
        )
        self.check(account, "s3control", "PutPublicAccessBlock", AccountId=ACCOUNT, PublicAccessBlockConfiguration=BLOCK)

    def test_other_services(self):
        key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        enabled = lambda: self.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
        self.check(enabled, "kms", "DisableKey", KeyId=key)
        self.iam.create_role(RoleName="function", AssumeRolePolicyDocument=TRUST)
        self.functions.create_function(
            FunctionName="f", Runtime="python3.12", Role=f"arn:aws:iam::{ACCOUNT}:role/function", Handler="main.handler", Code={"ZipFile": code()}
        )
        reserved = lambda: self.functions.get_function_concurrency(FunctionName="f").get("ReservedConcurrentExecutions")
        self.check(reserved, "lambda", "PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
        self.s3.create_bucket(Bucket="trail")
        self.cloudtrail.create_trail(Name="trail", S3BucketName="trail")
        self.cloudtrail.start_logging(Name="trail")
        logging = lambda: self.cloudtrail.get_trail_status(Name="trail")["IsLogging"]
        self.check(logging, "cloudtrail", "StopLogging", Name="trail")
        self.rds.create_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="mysql", PubliclyAccessible=True)
        public = lambda: self.rds.describe_db_instances(DBInstanceIdentifier="db")["DBInstances"][0]["PubliclyAccessible"]
        self.check(public, "rds", "ModifyDBInstance", DBInstanceIdentifier="db", PubliclyAccessible=False)
        self.rds.create_db_snapshot(DBSnapshotIdentifier="s", DBInstanceIdentifier="db")

        def shared():
            found = self.rds.describe_db_snapshot_attributes(DBSnapshotIdentifier="s")["DBSnapshotAttributesResult"]
            return [one["AttributeValues"] for one in found["DBSnapshotAttributes"] if one["AttributeValues"]]

        share = {"DBSnapshotIdentifier": "s", "AttributeName": "restore", "ValuesToAdd": ["111122223333"]}
        self.check(shared, "rds", "ModifyDBSnapshotAttribute", **share)
        self.rds.create_db_cluster(DBClusterIdentifier="c", Engine="aurora-mysql", MasterUsername="root1", MasterUserPassword="not-a-secret")
        self.rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier="cs", DBClusterIdentifier="c")

        def cluster_shared():
            found = self.rds.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier="cs")
            return [one["AttributeValues"] for one in found["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"] if one["AttributeValues"]]

        share = {"DBClusterSnapshotIdentifier": "cs", "AttributeName": "restore", "ValuesToAdd": ["111122223333"]}
        self.check(cluster_shared, "rds", "ModifyDBClusterSnapshotAttribute", **share)

    def test_who_may_invoke_a_function(self):
        self.iam.create_role(RoleName="invoked", AssumeRolePolicyDocument=TRUST)
        self.functions.create_function(
            FunctionName="i", Runtime="python3.12", Role=f"arn:aws:iam::{ACCOUNT}:role/invoked", Handler="main.handler", Code={"ZipFile": code()}
        )
        url = self.found(lambda: self.functions.get_function_url_config(FunctionName="i"), "AuthType", ("ResourceNotFoundException",))
        self.check(url, "lambda", "CreateFunctionUrlConfig", FunctionName="i", AuthType="NONE")
        self.functions.create_function_url_config(FunctionName="i", AuthType="NONE")
        self.check(url, "lambda", "UpdateFunctionUrlConfig", FunctionName="i", AuthType="AWS_IAM")
        policy = self.found(lambda: self.functions.get_policy(FunctionName="i"), "Policy", ("ResourceNotFoundException",))
        statements = lambda: json.loads(policy() or "{}").get("Statement")
        call = {"FunctionName": "i", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::b", "SourceAccount": ACCOUNT}
        self.check(statements, "lambda", "AddPermission", **call)
        self.functions.add_permission(FunctionName="i", StatementId="all", Action="lambda:InvokeFunction", Principal="*")
        self.check(statements, "lambda", "RemovePermission", FunctionName="i", StatementId="all")
        self.functions.add_permission(**{**call, "SourceAccount": "111122223333"})
        self.functions.remove_permission(FunctionName="i", StatementId="all")
        self.check(statements, "lambda", "RemovePermission", FunctionName="i", StatementId="s")

    def test_logs_tags_and_organizations(self):
        self.s3.create_bucket(Bucket="kept")
        self.cloudtrail.create_trail(Name="narrow", S3BucketName="kept")
        narrow = [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True, "DataResources": []}]
        self.cloudtrail.put_event_selectors(TrailName="narrow", EventSelectors=narrow)
        selectors = lambda: self.cloudtrail.get_event_selectors(TrailName="narrow")["EventSelectors"]
        self.check(selectors, "cloudtrail", "PutEventSelectors", TrailName="narrow", EventSelectors=[{**narrow[0], "ReadWriteType": "All"}])
        self.s3.create_bucket(Bucket="kept-too")
        watched = {"ResourceIds": [self.instance["VpcId"]], "ResourceType": "VPC", "TrafficType": "ALL"}
        sent = {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::kept"}
        self.ec2.create_flow_logs(**watched, **sent)
        flows = lambda: [flow["FlowLogId"] for flow in self.ec2.describe_flow_logs()["FlowLogs"]]
        more = {**sent, "LogDestination": "arn:aws:s3:::kept-too"}
        self.check(flows, "ec2", "CreateFlowLogs", **watched, **more)
        self.s3.put_object(Bucket="kept", Key="a b", Body=b"", Tagging="owner=me")
        tags = lambda: self.s3.get_object_tagging(Bucket="kept", Key="a b")["TagSet"]
        tagging = {"TagSet": [{"Key": "owner", "Value": "you"}, {"Key": "more", "Value": "1"}]}
        self.check(tags, "s3", "PutObjectTagging", Bucket="kept", Key="a b", Tagging=tagging)
        self.check(tags, "s3", "DeleteObjectTagging", Bucket="kept", Key="a b")
        point = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"
        self.backup.tag_resource(ResourceArn=point, Tags={"owner": "me", "other": "1"})
        of_point = lambda: sorted(self.backup.list_tags(ResourceArn=point)["Tags"].items())
        self.check(of_point, "backup", "TagResource", ResourceArn=point, Tags={"owner": "you", "more": "1"})
        self.check(of_point, "backup", "UntagResource", ResourceArn=point, TagKeyList=["owner"])
        self.organizations.create_organization(FeatureSet="ALL")
        member = self.organizations.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]["AccountId"]
        made = self.organizations.create_policy(Content=POLICY, Description="d", Name="p", Type="SERVICE_CONTROL_POLICY")
        pair = {"PolicyId": made["Policy"]["PolicySummary"]["Id"], "TargetId": member}

        def attached():
            found = self.organizations.list_policies_for_target(TargetId=member, Filter="SERVICE_CONTROL_POLICY")["Policies"]
            return [policy["Name"] for policy in found]

        self.check(attached, "organizations", "AttachPolicy", **pair)
        self.organizations.attach_policy(**pair)
        self.check(attached, "organizations", "DetachPolicy", **pair)

    def test_scaling_groups_and_targets(self):
        self.autoscaling.create_launch_configuration(LaunchConfigurationName="l", ImageId=self.image, InstanceType="t3.micro")
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="g", LaunchConfigurationName="l", MinSize=0, MaxSize=3, DesiredCapacity=1, AvailabilityZones=[f"{REGION}a"]
        )
        group = lambda: self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["g"])["AutoScalingGroups"][0]
        member = group()["Instances"][0]["InstanceId"]
        standing = lambda: (group()["Instances"][0]["LifecycleState"], group()["DesiredCapacity"])
        self.check(standing, "autoscaling", "EnterStandby", AutoScalingGroupName="g", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
        suspended = lambda: [one["ProcessName"] for one in group()["SuspendedProcesses"]]
        self.check(suspended, "autoscaling", "SuspendProcesses", AutoScalingGroupName="g", ScalingProcesses=["Terminate"])
        sizes = lambda: (group()["MinSize"], group()["MaxSize"], group()["DesiredCapacity"])
        self.check(sizes, "autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="g", MaxSize=1)
        made = self.elbv2.create_target_group(Name="t", Protocol="HTTP", Port=80, VpcId=self.instance["VpcId"], TargetType="instance")
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        self.elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": self.id, "Port": 80}])

        def serving():
            listed = self.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            return [one["Target"] for one in listed if one["TargetHealth"]["State"] != "draining"]

        self.check(serving, "elbv2", "DeregisterTargets", TargetGroupArn=arn, Targets=[{"Id": self.id, "Port": 80}])

    def test_drift_stops_it_unless_it_is_accepted(self):
        self.s3.create_bucket(Bucket="drifted")
        policy = lambda: json.loads(self.s3.get_bucket_policy(Bucket="drifted")["Policy"])["Statement"][0]["Action"]
        first = json.loads(bucket_policy("drifted"))
        run = self.start("s3", "PutBucketPolicy", Bucket="drifted", Policy=json.dumps(first))
        first["Statement"][0]["Action"] = "s3:PutObject"
        self.s3.put_bucket_policy(Bucket="drifted", Policy=json.dumps(first))
        ended = self.undone(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Failed")
        self.assertIn("Drift: the state is not what the run left", ended["FailureMessage"])
        self.assertEqual(policy(), "s3:PutObject", "somebody else's change stays")
        ended = self.undone(run, "--accept-drift", "Change")
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        with self.assertRaises(self.s3.exceptions.ClientError):
            self.s3.get_bucket_policy(Bucket="drifted")
        ended = self.undone(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", "what is as before needs no undo")

    def test_the_plan_says_what_cannot_be_undone(self):
        volume = self.ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        run = self.start("ec2", "DeleteVolume", VolumeId=volume)
        self.assertIn("cannot be undone: what it removes is gone", self.undo(run, "--plan"))
        self.assertIn("nothing to undo", self.undo(run))
        run = self.start("ec2", "CreateVolume", AvailabilityZone=f"{REGION}a", Size=1)
        self.assertIn("undone by deleting what it makes", self.undo(run, "--plan"))
        self.s3.create_bucket(Bucket="planned")
        run = self.start("s3", "PutBucketPolicy", Bucket="planned", Policy=bucket_policy("planned"))
        said = self.undo(run, "--plan")
        self.assertIn("Change  s3:PutBucketPolicy  can be undone", said)
        self.assertIn('s3:DeleteBucketPolicy {"Bucket":"planned"}', said)
        self.assertNotIn("started", said)
        self.s3.get_bucket_policy(Bucket="planned")

    def test_a_value_that_looks_like_a_reference_comes_back_as_it_was(self):
        self.ec2.create_tags(Resources=[self.group], Tags=[{"Key": "note", "Value": "{{ global:ACCOUNT_ID }}"}])

        def note():
            listed = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [self.group]}])["Tags"]
            return [tag["Value"] for tag in listed]

        self.check(note, "ec2", "CreateTags", Resources=[self.group], Tags=[{"Key": "note", "Value": "other"}])

    def test_the_state_survives_a_crash(self):
        self.s3.create_bucket(Bucket="crashed")
        self.s3.put_bucket_policy(Bucket="crashed", Policy=bucket_policy("crashed"))
        before = self.s3.get_bucket_policy(Bucket="crashed")["Policy"]
        run = self.start("s3", "DeleteBucketPolicy", Bucket="crashed")
        self.quell.restart()
        self.assertEqual(self.undone(run)["AutomationExecutionStatus"], "Success")
        self.assertEqual(self.s3.get_bucket_policy(Bucket="crashed")["Policy"], before)


if __name__ == "__main__":
    unittest.main()
