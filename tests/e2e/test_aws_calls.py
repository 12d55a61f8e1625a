"""The table of calls that are tried through `quell aws`: every service on which responders act, against a moto account.

The rows run in order in one account. A row may keep parts of its answer by name (`keep`), and later rows use them as
`$name`. Where boto3 can make the same reading call, its answer must be the same (`same`).
"""

import base64
import io
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
import zipfile

import boto3
import botocore.config

from quelltest import ACCOUNT, DEADLINE, REGION, Moto, binary
from test_aws_command import IMAGE, normal, variables


def blob(data):
    return {"$base64": base64.b64encode(data).decode()}


def code():
    """A Lambda function's package."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("main.py", "def handler(event, context):\n    return event\n")
    return package.getvalue()


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
BUCKET_DENY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::evidence/*"}],
}
LIMITED = {"NoncurrentDays": 1}
FINDING = {
    "SchemaVersion": "2018-10-08", "Id": "f-1", "ProductArn": f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default",
    "GeneratorId": "g", "AwsAccountId": ACCOUNT, "Types": ["Unusual Behaviors/Network Flow/Tor"], "CreatedAt": "2026-01-01T00:00:00Z",
    "UpdatedAt": "2026-01-01T00:00:00Z", "Severity": {"Label": "HIGH"}, "Title": "t", "Description": "d",
    "Resources": [{"Type": "AwsEc2Instance", "Id": "i-1"}],
}
TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "of-a-stack"}}}})
WORLD = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class Row:
    """One call: service, operation and parameters; what it keeps, what must be in its answer, whether boto3 says the same."""

    def __init__(self, name, params=None, keep=None, want=None, same=False):
        self.service, self.operation = name.split(" ")
        self.params, self.keep, self.want, self.same = params or {}, keep or {}, want or {}, same


CALLS = [
    # ec2
    Row(
        "ec2 run-instances",
        {
            "ImageId": IMAGE, "MinCount": 2, "MaxCount": "2", "UserData": "#!/bin/sh\necho $HOME",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web & <db>"}]}],
            "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "Encrypted": "true"}}],
        },
        keep={"instance": "Instances.0.InstanceId", "second": "Instances.1.InstanceId"},
        want={"Instances.0.Tags": [{"Key": "Name", "Value": "web & <db>"}]},
    ),
    Row("ec2 describe_instances", {"InstanceIds": ["$instance"]}, same=True, keep={
        "volume": "Reservations.0.Instances.0.BlockDeviceMappings.0.Ebs.VolumeId",
        "vpc": "Reservations.0.Instances.0.VpcId",
    }),
    Row("ec2 DescribeInstances", {"Filters": [{"Name": "tag:Name", "Values": ["web*"]}]}, same=True),
    Row("ec2 describe-instance-attribute", {"InstanceId": "$instance", "Attribute": "userData"}, same=True),
    Row("ec2 create-snapshot", {"VolumeId": "$volume", "Description": "evidence"}, keep={"snapshot": "SnapshotId"}),
    Row("ec2 describe-snapshots", {"SnapshotIds": ["$snapshot"]}, same=True, want={"Snapshots.0.Description": "evidence"}),
    Row("ec2 modify-snapshot-attribute", {"SnapshotId": "$snapshot", "Attribute": "createVolumePermission", "OperationType": "add", "UserIds": ["111122223333"]}),
    Row("ec2 create-security-group", {"GroupName": "quarantine", "Description": "d", "VpcId": "$vpc"}, keep={"group": "GroupId"}),
    Row("ec2 authorize-security-group-ingress", {"GroupId": "$group", "IpPermissions": [WORLD]}, want={"Return": True}),
    Row("ec2 describe-security-groups", {"GroupIds": ["$group"]}, same=True, want={"SecurityGroups.0.IpPermissions.0.FromPort": 22}),
    Row("ec2 revoke-security-group-ingress", {"GroupId": "$group", "IpPermissions": [WORLD]}, want={"Return": True}),
    Row("ec2 describe-security-group-rules", {"Filters": [{"Name": "group-id", "Values": ["$group"]}]}, same=True),
    Row("ec2 modify-instance-attribute", {"InstanceId": "$instance", "Groups": ["$group"]}),
    Row("ec2 modify-instance-attribute", {"InstanceId": "$instance", "DisableApiTermination": {"Value": "True"}}),
    Row("ec2 describe-instance-attribute", {"InstanceId": "$instance", "Attribute": "disableApiTermination"}, same=True, want={"DisableApiTermination.Value": True}),
    Row("ec2 create-tags", {"Resources": ["$instance"], "Tags": [{"Key": "case", "Value": ""}]}),
    Row("ec2 stop-instances", {"InstanceIds": ["$second"]}, want={"StoppingInstances.0.InstanceId": "$second"}),
    Row("ec2 describe-instance-status", {"IncludeAllInstances": True}, same=True),
    Row("ec2 describe-volumes", same=True),
    Row("ec2 describe-vpcs", same=True),
    Row("ec2 describe-network-acls", same=True, keep={"acl": "NetworkAcls.0.NetworkAclId"}),
    Row("ec2 create-network-acl-entry", {"NetworkAclId": "$acl", "RuleNumber": 1, "Protocol": "-1", "RuleAction": "deny", "Egress": True, "CidrBlock": "203.0.113.7/32"}),
    Row("ec2 enable-ebs-encryption-by-default", want={"EbsEncryptionByDefault": True}),
    Row("ec2 get-console-output", {"InstanceId": "$instance"}, same=True),
    # iam
    Row("iam create-role", {"RoleName": "Responder", "AssumeRolePolicyDocument": json.dumps(TRUST), "Tags": [{"Key": "a", "Value": "b"}]}, want={"Role.AssumeRolePolicyDocument": TRUST}),
    Row("iam put-role-policy", {"RoleName": "Responder", "PolicyName": "Revoke", "PolicyDocument": json.dumps(DENY)}),
    Row("iam get-role", {"RoleName": "Responder"}, same=True, want={"Role.AssumeRolePolicyDocument": TRUST}),
    Row("iam get-role-policy", {"RoleName": "Responder", "PolicyName": "Revoke"}, same=True, want={"PolicyDocument": DENY}),
    Row("iam create-user", {"UserName": "ana"}, keep={"user": "User.Arn"}),
    Row("iam create-policy", {"PolicyName": "Deny", "PolicyDocument": json.dumps(DENY)}, keep={"policy": "Policy.Arn"}),
    Row("iam attach-user-policy", {"UserName": "ana", "PolicyArn": "$policy"}),
    Row("iam list-attached-user-policies", {"UserName": "ana"}, same=True, want={"AttachedPolicies.0.PolicyName": "Deny"}),
    Row("iam create-access-key", {"UserName": "ana"}, keep={"key": "AccessKey.AccessKeyId"}),
    Row("iam update-access-key", {"UserName": "ana", "AccessKeyId": "$key", "Status": "Inactive"}),
    Row("iam list-access-keys", {"UserName": "ana"}, same=True, want={"AccessKeyMetadata.0.Status": "Inactive"}),
    Row("iam delete-access-key", {"UserName": "ana", "AccessKeyId": "$key"}),
    Row("iam create-login-profile", {"UserName": "ana", "Password": "Correct-horse-1"}),
    Row("iam list-users", {"MaxItems": 1}, same=True),
    Row("iam list-policy-versions", {"PolicyArn": "$policy"}, same=True),
    Row("iam get-account-authorization-details", same=True),
    # s3 and s3control
    Row("s3 create-bucket", {"Bucket": "evidence"}, want={"Location": "/evidence"}),
    Row("s3 put-object", {"Bucket": "evidence", "Key": "case 1/ä+b.txt", "Body": "line\nünï", "Metadata": {"case": "1"}, "ContentType": "text/plain"}, keep={"etag": "ETag"}),
    Row("s3 put-object", {"Bucket": "evidence", "Key": "raw", "Body": blob(bytes(range(256)))}),
    Row("s3 get-object", {"Bucket": "evidence", "Key": "case 1/ä+b.txt"}, same=True, want={"Body": "line\nünï", "Metadata": {"case": "1"}, "ETag": "$etag"}),
    Row("s3 get-object", {"Bucket": "evidence", "Key": "raw"}, want={"Body": base64.b64encode(bytes(range(256))).decode()}),
    Row("s3 head-object", {"Bucket": "evidence", "Key": "raw"}, same=True, want={"ContentLength": 256}),
    Row("s3 list-objects-v2", {"Bucket": "evidence", "Prefix": "case"}, same=True, want={"Contents.0.Key": "case 1/ä+b.txt"}),
    Row("s3 list-buckets", same=True),
    Row("s3 put-public-access-block", {"Bucket": "evidence", "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}}),
    Row("s3 get-public-access-block", {"Bucket": "evidence"}, same=True),
    Row("s3 put-bucket-policy", {"Bucket": "evidence", "Policy": json.dumps(BUCKET_DENY)}),
    Row("s3 get-bucket-policy", {"Bucket": "evidence"}, same=True),
    Row("s3 put-bucket-tagging", {"Bucket": "evidence", "Tagging": {"TagSet": [{"Key": "case", "Value": "1 & 2"}]}}),
    Row("s3 get-bucket-tagging", {"Bucket": "evidence"}, same=True, want={"TagSet.0.Value": "1 & 2"}),
    Row("s3 get-bucket-location", {"Bucket": "evidence"}, same=True),
    Row("s3 put-bucket-versioning", {"Bucket": "evidence", "VersioningConfiguration": {"Status": "Enabled"}}),
    Row("s3 get-bucket-versioning", {"Bucket": "evidence"}, same=True, want={"Status": "Enabled"}),
    Row("s3 put-bucket-encryption", {"Bucket": "evidence", "ServerSideEncryptionConfiguration": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}}),
    Row("s3 put-bucket-acl", {"Bucket": "evidence", "ACL": "private"}),
    Row("s3 get-bucket-acl", {"Bucket": "evidence"}, same=True),
    Row("s3 put-bucket-lifecycle-configuration", {"Bucket": "evidence", "LifecycleConfiguration": {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "NoncurrentVersionExpiration": LIMITED}]}}),
    Row("s3 delete-objects", {"Bucket": "evidence", "Delete": {"Objects": [{"Key": "raw"}], "Quiet": True}}),
    Row("s3control put-public-access-block", {"AccountId": ACCOUNT, "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}}),
    Row("s3control get-public-access-block", {"AccountId": ACCOUNT}, want={"PublicAccessBlockConfiguration.BlockPublicAcls": True}),
    # sts
    Row("sts get-caller-identity", same=True, want={"Account": ACCOUNT}),
    Row("sts assume-role", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Responder", "RoleSessionName": "case-1", "DurationSeconds": 900}, want={"AssumedRoleUser.Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Responder/case-1"}),
    # sqs, sns
    Row("sqs create-queue", {"QueueName": "findings", "Attributes": {"VisibilityTimeout": 30}}, keep={"queue": "QueueUrl"}),
    Row("sqs send-message", {"QueueUrl": "$queue", "MessageBody": "<a>&amp;ü", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1"}}}),
    Row("sqs receive-message", {"QueueUrl": "$queue", "MessageAttributeNames": ["All"]}, keep={"receipt": "Messages.0.ReceiptHandle"}, want={"Messages.0.Body": "<a>&amp;ü"}),
    Row("sqs delete-message", {"QueueUrl": "$queue", "ReceiptHandle": "$receipt"}),
    Row("sqs get-queue-attributes", {"QueueUrl": "$queue", "AttributeNames": ["All"]}, same=True),
    Row("sns create-topic", {"Name": "alerts"}, keep={"topic": "TopicArn"}),
    Row("sns publish", {"TopicArn": "$topic", "Message": "x", "Subject": "s"}),
    Row("sns get-topic-attributes", {"TopicArn": "$topic"}, same=True),
    # kms, secretsmanager
    Row("kms create-key", {"Description": "case"}, keep={"kms": "KeyMetadata.KeyId"}),
    Row("kms encrypt", {"KeyId": "$kms", "Plaintext": "evidence"}, keep={"cipher": "CiphertextBlob"}),
    Row("kms decrypt", {"CiphertextBlob": {"$base64": "$cipher"}}, want={"Plaintext": base64.b64encode(b"evidence").decode()}),
    Row("kms disable-key", {"KeyId": "$kms"}),
    Row("kms describe-key", {"KeyId": "$kms"}, same=True, want={"KeyMetadata.KeyState": "Disabled"}),
    Row("kms schedule-key-deletion", {"KeyId": "$kms", "PendingWindowInDays": "7"}),
    Row("secretsmanager create-secret", {"Name": "db", "SecretString": "hunter2"}),
    Row("secretsmanager get-secret-value", {"SecretId": "db"}, same=True, want={"SecretString": "hunter2"}),
    Row("secretsmanager list-secrets", same=True),
    # route53
    Row("route53 create-hosted-zone", {"Name": "example.com", "CallerReference": "1"}, keep={"zone": "HostedZone.Id"}),
    Row("route53 change-resource-record-sets", {"HostedZoneId": "$zone", "ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {"Name": "a.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}}]}}),
    Row("route53 list-resource-record-sets", {"HostedZoneId": "$zone"}, same=True),
    Row("route53 get-hosted-zone", {"Id": "$zone"}, same=True),
    Row("route53 list-hosted-zones", same=True),
    # guardduty, securityhub, wafv2
    Row("guardduty create-detector", {"Enable": True, "FindingPublishingFrequency": "FIFTEEN_MINUTES"}, keep={"detector": "DetectorId"}),
    Row("guardduty get-detector", {"DetectorId": "$detector"}, same=True, want={"Status": "ENABLED"}),
    Row("guardduty create-filter", {"DetectorId": "$detector", "Name": "low", "Action": "ARCHIVE", "FindingCriteria": {"Criterion": {"severity": {"Lt": 4}}}}, want={"Name": "low"}),
    Row("guardduty get-filter", {"DetectorId": "$detector", "FilterName": "low"}, same=True),
    Row("guardduty list-detectors", same=True),
    Row("securityhub enable-security-hub", {"EnableDefaultStandards": False}),
    Row("securityhub batch-import-findings", {"Findings": [FINDING]}, want={"SuccessCount": 1}),
    Row("securityhub get-findings", {"Filters": {"SeverityLabel": [{"Value": "HIGH", "Comparison": "EQUALS"}]}}, same=True, want={"Findings.0.Id": "f-1"}),
    Row("wafv2 create-ip-set", {"Name": "bad", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": []}, keep={"ipset": "Summary.Id", "lock": "Summary.LockToken"}),
    Row("wafv2 update-ip-set", {"Name": "bad", "Scope": "REGIONAL", "Id": "$ipset", "LockToken": "$lock", "Addresses": ["203.0.113.7/32"]}),
    Row("wafv2 get-ip-set", {"Name": "bad", "Scope": "REGIONAL", "Id": "$ipset"}, same=True, want={"IPSet.Addresses": ["203.0.113.7/32"]}),
    # cloudformation, rds, dynamodb
    Row("cloudformation create-stack", {"StackName": "s", "TemplateBody": TEMPLATE, "Tags": [{"Key": "a", "Value": "b"}]}, keep={"stack": "StackId"}),
    Row("cloudformation describe-stacks", {"StackName": "s"}, same=True, want={"Stacks.0.StackId": "$stack"}),
    Row("cloudformation list-stack-resources", {"StackName": "s"}, same=True),
    Row("rds create-db-instance", {"DBInstanceIdentifier": "db", "DBInstanceClass": "db.t3.micro", "Engine": "mysql", "AllocatedStorage": "20", "MasterUsername": "root", "MasterUserPassword": "Correct-horse-1"}),
    Row("rds describe-db-instances", {"DBInstanceIdentifier": "db"}, same=True, want={"DBInstances.0.Engine": "mysql"}),
    Row("rds create-db-snapshot", {"DBInstanceIdentifier": "db", "DBSnapshotIdentifier": "evidence"}),
    Row("rds describe-db-snapshots", {"DBSnapshotIdentifier": "evidence"}, same=True),
    Row("dynamodb create-table", {"TableName": "t", "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}),
    Row("dynamodb put-item", {"TableName": "t", "Item": {"k": {"S": "1"}, "n": {"N": "1.50"}, "l": {"L": [{"BOOL": True}, {"NULL": True}]}, "m": {"M": {"a": {"SS": ["x", "y"]}}}, "b": {"B": "raw"}}}),
    Row("dynamodb get-item", {"TableName": "t", "Key": {"k": {"S": "1"}}, "ProjectionExpression": "k,n,l,m"}, same=True, want={"Item.n": {"N": "1.50"}}),
    Row("dynamodb query", {"TableName": "t", "KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": {"S": "1"}}, "ProjectionExpression": "k,n"}, same=True, want={"Count": 1}),
    Row("dynamodb describe-table", {"TableName": "t"}, same=True),
    Row("dynamodb update-continuous-backups", {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}),
    # lambda, ssm, logs, cloudtrail, autoscaling and more
    Row("iam create-role", {"RoleName": "Function", "AssumeRolePolicyDocument": json.dumps(TRUST)}, keep={"role": "Role.Arn"}),
    Row("lambda create-function", {"FunctionName": "f", "Runtime": "python3.12", "Role": "$role", "Handler": "main.handler", "Code": {"ZipFile": blob(code())}, "Environment": {"Variables": {"A": "1"}}}, want={"FunctionName": "f"}),
    Row("lambda invoke", {"FunctionName": "f", "Payload": "{}"}, want={"StatusCode": 200}),
    Row("lambda get-function-configuration", {"FunctionName": "f"}, same=True),
    Row("lambda put-function-concurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 0}, want={"ReservedConcurrentExecutions": 0}),
    Row("ssm put-parameter", {"Name": "/db/password", "Type": "SecureString", "Value": "hunter2"}, want={"Version": 1}),
    Row("ssm get-parameter", {"Name": "/db/password", "WithDecryption": True}, same=True, want={"Parameter.Value": "hunter2"}),
    Row("ssm send-command", {"InstanceIds": ["$instance"], "DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id"]}}, keep={"command": "Command.CommandId"}),
    Row("ssm get-command-invocation", {"CommandId": "$command", "InstanceId": "$instance"}, same=True),
    Row("logs create-log-group", {"logGroupName": "/app"}),
    Row("logs put-metric-filter", {"logGroupName": "/app", "filterName": "f", "filterPattern": "ERROR", "metricTransformations": [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]}),
    Row("logs describe-log-groups", same=True),
    Row("cloudwatch put-metric-alarm", {"AlarmName": "a", "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.5, "ComparisonOperator": "GreaterThanThreshold"}),
    Row("cloudwatch describe-alarms", {"AlarmNames": ["a"]}, same=True, want={"MetricAlarms.0.Threshold": 1.5}),
    Row("cloudtrail create-trail", {"Name": "trail", "S3BucketName": "evidence"}),
    Row("cloudtrail stop-logging", {"Name": "trail"}),
    Row("cloudtrail describe-trails", same=True),
    Row("autoscaling create-launch-configuration", {"LaunchConfigurationName": "l", "ImageId": IMAGE, "InstanceType": "t3.micro"}),
    Row("autoscaling create-auto-scaling-group", {"AutoScalingGroupName": "g", "LaunchConfigurationName": "l", "MinSize": 0, "MaxSize": 1, "AvailabilityZones": [f"{REGION}a"]}),
    Row("autoscaling suspend-processes", {"AutoScalingGroupName": "g", "ScalingProcesses": ["Launch"]}),
    Row("autoscaling describe-auto-scaling-groups", same=True),
    Row("organizations create-organization", {"FeatureSet": "ALL"}),
    Row("organizations create-policy", {"Name": "deny", "Description": "d", "Type": "SERVICE_CONTROL_POLICY", "Content": json.dumps(DENY)}, keep={"scp": "Policy.PolicySummary.Id"}),
    Row("organizations list-accounts", same=True),
    Row("ecr create-repository", {"repositoryName": "app"}),
    Row("ecr describe-repositories", same=True),
    Row("elbv2 describe-load-balancers", same=True),
    Row("elbv2 create-target-group", {"Name": "t", "Protocol": "HTTP", "Port": 80, "VpcId": "$vpc"}),
    Row("elbv2 describe-target-groups", same=True),
    Row("elb describe-load-balancers", same=True),
    Row("events put-rule", {"Name": "r", "EventPattern": json.dumps({"source": ["aws.guardduty"]})}),
    Row("events list-rules", same=True),
    Row("config put-configuration-recorder", {"ConfigurationRecorder": {"name": "default", "roleARN": "$role"}}),
    Row("config describe-configuration-recorders", same=True),
    Row("stepfunctions list-state-machines", same=True),
    Row("network-firewall list-firewalls", same=True),
    Row("route53resolver list-resolver-endpoints", same=True),
    Row("inspector2 list-findings", same=True),
    Row("macie2 enable-macie"),
    Row("eks list-clusters", same=True),
    Row("ecs list-clusters", same=True),
    Row("efs describe-file-systems", same=True),
    Row("backup create-backup-vault", {"BackupVaultName": "v"}),
    Row("redshift describe-clusters", same=True),
    Row("cloudfront list-distributions", same=True),
    Row("apigateway get-rest-apis", same=True),
    Row("acm list-certificates", same=True),
    Row("cognito-idp create-user-pool", {"PoolName": "p"}),
    Row("resourcegroupstaggingapi get-resources", same=True),
    Row("kinesis list-streams", same=True),
    Row("glue get-databases", same=True),
    Row("identitystore create-user", {"IdentityStoreId": "d-1234567890", "UserName": "ana", "DisplayName": "Ana", "Name": {"GivenName": "A", "FamilyName": "B"}}),
    Row("ec2 terminate-instances", {"InstanceIds": ["$second"]}),
]
# Of the services on which responders act, these at least are in the table.
WANTED = {
    "ec2", "iam", "s3", "s3control", "sts", "sqs", "kms", "route53", "guardduty", "securityhub", "wafv2", "cloudformation", "rds",
    "dynamodb", "sns", "lambda", "ssm", "logs", "autoscaling", "secretsmanager", "cloudtrail", "organizations", "ecr", "elbv2",
}


def found(value, path):
    """The part of an answer at a dotted path."""
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def filled(value, kept):
    """A value with `$name` replaced by what was kept."""
    if isinstance(value, dict):
        return {name: filled(member, kept) for name, member in value.items()}
    if isinstance(value, list):
        return [filled(item, kept) for item in value]
    if isinstance(value, str) and value.startswith("$"):
        return kept.get(value[1:], value)
    return value


def unstable(value):
    """An answer without what moto makes anew for each look: its own times and ids of requests."""
    if isinstance(value, dict):
        return {name: unstable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [unstable(item) for item in value]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:", value):
        # The same instant is written with `Z` or an offset, with or without a fraction.
        return value[:16]
    return value


class TheTable(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="quell-calls-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.moto = Moto(cls.folder)
        cls.addClassCleanup(cls.moto.close)
        without_docker = json.dumps({"lambda": {"use_docker": False}}).encode()
        with urllib.request.urlopen(f"{cls.moto.url}/moto-api/config", without_docker, timeout=DEADLINE):
            pass
        cls.kept, cls.clients = {}, {}

    def quell(self, row, params):
        done = subprocess.run(
            [binary(), "aws", row.service, row.operation, "-"],
            input=json.dumps(params), capture_output=True, text=True, cwd=self.folder,
            env=variables(self.folder, self.moto.url), timeout=DEADLINE,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def boto3s(self, row, params):
        # s3control puts the account before the host, which an address of numbers does not bear.
        client = self.clients.get(row.service)
        if client is None:
            client = self.clients[row.service] = boto3.client(
                row.service, endpoint_url=self.moto.url, region_name=REGION, aws_access_key_id="AKIDMOTO",
                aws_secret_access_key="moto-secret-moto-secret", config=botocore.config.Config(retries={"max_attempts": 0}),
            )
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", row.operation.replace("-", "_")).lower()
        return json.loads(json.dumps(normal(getattr(client, name)(**params))))

    def test_every_call_of_the_table(self):
        for number, row in enumerate(CALLS):
            with self.subTest(row=number, call=f"{row.service} {row.operation}"):
                params = filled(row.params, self.kept)
                answer = self.quell(row, params)
                for name, path in row.keep.items():
                    self.kept[name] = found(answer, path)
                for path, want in row.want.items():
                    self.assertEqual(found(answer, path), filled(want, self.kept), answer)
                if row.same:
                    self.assertEqual(unstable(answer), unstable(self.boto3s(row, params)))

    def test_the_table_covers_what_responders_use(self):
        self.assertEqual(WANTED - {row.service for row in CALLS}, set())


if __name__ == "__main__":
    unittest.main()
