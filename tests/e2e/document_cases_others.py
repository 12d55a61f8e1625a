"""Documents of AWS, of AWS's people and of others: chaos experiments, standard procedures, everyday chores."""

import json

from document_world import AMI, ROLE, Case, equal
from quelltest import REGION, wait_until


class DenyTrafficByNacl(Case):
    """A subnet is cut off by a network ACL, and gets its own back."""

    file = "adhorn+chaos-ssm-documents__automation__deny-traffic-nacl__ssma-nacl-faults.yml"

    def before(self):
        self.vpc, self.subnet = self.world.vpc()
        self.own = self.acl()
        return {"VPCId": self.vpc, "AvailabilityZone": f"{REGION}a", "Duration": "PT4S"}

    def acls(self):
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}]
        return self.aws("ec2").describe_network_acls(Filters=filters)["NetworkAcls"]

    def acl(self):
        """The ACL of the subnet."""
        [acl] = [
            acl["NetworkAclId"]
            for acl in self.acls()
            for association in acl["Associations"]
            if association["SubnetId"] == self.subnet
        ]
        return acl

    def during(self):
        wait_until("the subnet is cut off", lambda: self.acl() != self.own)
        [chaos] = [acl for acl in self.acls() if acl["NetworkAclId"] == self.acl()]
        denied = [entry for entry in chaos["Entries"] if entry["RuleNumber"] in (100, 101)]
        equal({entry["RuleAction"] for entry in denied}, {"deny"})

    def after(self):
        equal(self.acl(), self.own)
        equal(len(self.acls()), 1)


class RebootInstance(Case):
    """An instance that runs is rebooted."""

    file = "adhorn+chaos-ssm-documents__automation__reboot-instance__reboot-instance-api.yml"

    def before(self):
        self.instance = self.world.instance()
        return {"InstanceId": self.instance, "TagName": "SSMTag", "TagValue": "chaos-ready"}

    def after(self):
        rebooted = [
            seen
            for seen in self.world.proxy.requests()
            if seen.name == "ec2:RebootInstances" and self.instance in dict(seen.params).values()
        ]
        equal([seen.status for seen in rebooted], [200])
        equal(self.world.instance_state(self.instance), "running")


class TerminateInstance(Case):
    """An instance is terminated."""

    file = "adhorn+chaos-ssm-documents__automation__terminate-instance__terminate-instance-api.yml"

    def before(self):
        self.instance = self.world.instance()
        return {"InstanceId": self.instance, "TagName": "SSMTag", "TagValue": "chaos-ready"}

    def after(self):
        equal(self.world.instance_state(self.instance), "terminated")


class TerminateRandomInstance(Case):
    """One of two instances with a tag is terminated; a third without it stays."""

    file = "adhorn+chaos-ssm-documents__automation__terminate-instance__terminate-random-instance-api.yml"

    def before(self):
        # moto knows the filter and finds nothing by it; a tag stands in.
        zone = {"Key": "Zone", "Value": f"{REGION}b"}
        self.world.proxy.change_requests(
            lambda seen: seen.name == "ec2:DescribeInstances",
            lambda body: body.replace(b"Name=availability-zone", b"Name=tag%3AZone"),
        )

        def made(*tags):
            return self.world.instance(TagSpecifications=[{"ResourceType": "instance", "Tags": [zone, *tags]}])

        self.marked = [made({"Key": "Victim", "Value": "yes"}) for _ in range(2)]
        self.other = made()
        return {"AvailabilityZone": f"{REGION}b", "TagName": "Victim", "TagValue": "yes"}

    def after(self):
        states = sorted(self.world.instance_state(instance) for instance in self.marked)
        equal(states, ["running", "terminated"])
        equal(self.world.instance_state(self.other), "running")


class RestartInstances(Case):
    """Two instances are stopped and started."""

    file = "awslabs+aws-systems-manager__Documents__Automation__RestartInstance__Documents__aws-RestartEC2Instance.json"

    def before(self):
        self.instances = [self.world.instance(), self.world.instance()]
        return {"InstanceId": self.instances}

    def after(self):
        equal([self.world.instance_state(instance) for instance in self.instances], ["running"] * 2)
        stopped = [
            seen
            for seen in self.world.proxy.requests()
            if seen.name == "ec2:StopInstances" and self.instances[0] in dict(seen.params).values()
        ]
        equal(len(stopped), 1)
        assert self.instances[1] in dict(stopped[0].params).values()


class TerminateWithApproval(Case):
    """An instance is terminated once a person has agreed, and not before."""

    file = "awslabs+aws-systems-manager__Documents__Automation__TerminateInstanceWithApproval__Documents__aws-TerminateEC2InstanceWithApproval.json"
    signal = "Approve"

    def before(self):
        self.instance = self.world.instance()
        topic = self.aws("sns").create_topic(Name="Automation-approvals")["TopicArn"]
        return {"InstanceId": self.instance, "Approvers": [self.world.caller()], "SNSTopicArn": topic}

    def during(self):
        wait_until("the approval waits", lambda: self.step("approve")["StepStatus"] == "Waiting")
        equal(self.world.instance_state(self.instance), "running")
        self.world.ssm.send_automation_signal(
            AutomationExecutionId=self.run, SignalType=self.signal, Payload={"Comment": ["as agreed"]}
        )

    def after(self):
        equal(self.world.instance_state(self.instance), "terminated")
        equal(self.step("approve")["Outputs"]["ApprovalStatus"], ["Approved"])


class TerminateRejected(TerminateWithApproval):
    """An instance stays when a person says no."""

    signal = "Reject"
    ends = "Failed"

    def after(self):
        equal(self.world.instance_state(self.instance), "running")


class CreateEksCluster(Case):
    """A cluster and its group of nodes are made."""

    file = "awslabs+aws-systems-manager__Documents__Automation__CreateEKSClusterWithNodegroup__Documents__aws-CreateEKSClusterWithNodegroup.yml"

    def before(self):
        _, subnet = self.world.vpc()
        self.subnet = subnet
        return {
            "ClusterName": "shop",
            "ClusterRoleArn": ROLE,
            "NodegroupName": "workers",
            "NodegroupRoleArn": ROLE,
            "SubnetIds": [subnet],
            "EKSEndpointPublicAccess": "true",
            "PublicAccessCIDRs": ["192.0.2.0/24"],
        }

    def after(self):
        eks = self.aws("eks")
        cluster = eks.describe_cluster(name="shop")["cluster"]
        equal((cluster["status"], cluster["resourcesVpcConfig"]["subnetIds"]), ("ACTIVE", [self.subnet]))
        group = eks.describe_nodegroup(clusterName="shop", nodegroupName="workers")["nodegroup"]
        equal((group["status"], group["subnets"]), ("ACTIVE", [self.subnet]))


class ScaleOut(Case):
    """A group of instances grows by half."""

    file = "digito__compute__sop__asg-scale_out__2020-07-01__Documents__AutomationDocument.yml"
    document = "Digito-AsgScaleOut"
    rehearsal = "false"
    sizes = (3, 4)

    def before(self):
        self.group = f"{type(self).__name__}-{self.world.number()}"
        scaling = self.aws("autoscaling")
        scaling.create_launch_configuration(
            LaunchConfigurationName=self.group, ImageId=AMI, InstanceType="t3.micro"
        )
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=self.group,
            LaunchConfigurationName=self.group,
            MinSize=1,
            MaxSize=4,
            DesiredCapacity=2,
            AvailabilityZones=[f"{REGION}a"],
        )
        return {"AutoScalingGroupName": self.group, "Dryrun": self.rehearsal}

    def after(self):
        scaling = self.aws("autoscaling")
        [group] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.group])["AutoScalingGroups"]
        equal((group["DesiredCapacity"], group["MaxSize"]), self.sizes)


class ScaleOutRehearsed(ScaleOut):
    """A group of instances grows and shrinks again."""

    rehearsal = "true"
    sizes = (2, 4)

    def after(self):
        super().after()
        asked = [
            dict(seen.params)["DesiredCapacity"]
            for seen in self.world.proxy.requests()
            if seen.name == "autoscaling:UpdateAutoScalingGroup" and ("AutoScalingGroupName", self.group) in seen.params
        ]
        equal(asked, ["3", "2"])


class UpdateProvisionedCapacity(Case):
    """A table gets more throughput."""

    file = "digito__dynamodb__sop__update_provisioned_capacity__2020-04-01__Documents__AutomationDocument.yml"
    document = "Digito-UpdateCapacity"

    def before(self):
        self.table = f"slow-{self.world.number()}"
        self.aws("dynamodb").create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        )
        return {"DynamoDBTableName": self.table, "DynamoDBTableRCU": "7", "DynamoDBTableWCU": "3"}

    def after(self):
        found = self.aws("dynamodb").describe_table(TableName=self.table)["Table"]["ProvisionedThroughput"]
        equal((found["ReadCapacityUnits"], found["WriteCapacityUnits"]), (7, 3))
        equal(self.outputs()["GetUpdatedProvisionedThroughput.ReadCapacityUnits"], ["7"])


class ScaleService(Case):
    """A service runs more and bigger tasks."""

    file = "digito__ecs__sop__scale_service__2020-04-01__Documents__AutomationDocument.yml"
    document = "Digito-ScaleService"

    def before(self):
        ecs = self.aws("ecs")
        ecs.create_cluster(clusterName="shop")
        ecs.register_task_definition(
            family="web",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "web", "image": "web:1", "memory": 256}],
        )
        ecs.create_service(cluster="shop", serviceName="web", taskDefinition="web", desiredCount=1)
        # AWS tells who registered a definition and what it needs; moto does not.
        told = b'"registeredBy": "x", "registeredAt": 1.7e9, "requiresAttributes": [], '

        def complete(answer):
            begin = b'{"taskDefinition": {'
            return answer.replace(begin, begin + told, 1) if b"registeredBy" not in answer else answer

        self.world.proxy.change_answers(lambda seen: seen.name == "ecs:DescribeTaskDefinition", complete)
        return {
            "ClusterName": "shop",
            "ServiceName": "web",
            "TaskDefinitionCPU": "1024",
            "TaskDefinitionRAM": "2048",
            "NumberOfTasks": "3",
        }

    def after(self):
        ecs = self.aws("ecs")
        [service] = ecs.describe_services(cluster="shop", services=["web"])["services"]
        equal(service["desiredCount"], 3)
        definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        equal((definition["cpu"], definition["memory"], definition["revision"]), ("1024", "2048", 2))


class ChangeThrottlingTooMuch(Case):
    """A change of a usage plan by more than a half is refused, and nothing is changed.

    (Smaller changes come to the document's own mistake: its script uses a `log` that it does not define.)
    """

    file = "digito__api-gw__sop__change_throttling_settings_rest__2020-10-26__Documents__AutomationDocument.yml"
    document = "Digito-ChangeThrottling"
    ends = "Failed"

    def before(self):
        self.plan = usage_plan(self)
        return {"RestApiGwUsagePlanId": self.plan, "RestApiGwThrottlingRate": "90", "RestApiGwThrottlingBurst": "120"}

    def after(self):
        found = self.aws("apigateway").get_usage_plan(usagePlanId=self.plan)["throttle"]
        equal((found["burstLimit"], found["rateLimit"]), (100, 50.0))
        assert "more than 50%" in self.step("ValidateInputs")["FailureMessage"]
        equal(self.step("SetThrottlingConfiguration")["StepStatus"], "Pending")


class ApiQuotaTest(Case):
    """A quota is to be taken away; the document's own mistake (the same `log`) fails the step, and its way back is tried
    as often as it says."""

    file = "digito__api-gw__test__rest_api_quota__2020-09-21__Documents__AutomationDocument.yml"
    document = "Digito-ApiQuota"
    ends = "Failed"

    def before(self):
        self.plan = usage_plan(self)
        return {"RestApiGwUsagePlanId": self.plan, "ApiGw4xxAlarmName": self.world.alarm()}

    def after(self):
        found = self.aws("apigateway").get_usage_plan(usagePlanId=self.plan)["quota"]
        equal((int(found["limit"]), found["period"]), (1000, "DAY"))
        saved = self.step("BackupQuotaConfiguration")["Outputs"]
        equal((saved["RestApiGwQuotaLimitOriginalValue"], saved["RestApiGwQuotaPeriodOriginalValue"]), (["1000"], ["DAY"]))
        equal(self.step("RollbackCurrentExecution")["StepStatus"], "Failed")
        equal(self.step("AssertAlarmToBeRed")["StepStatus"], "Pending")


def usage_plan(case):
    """A usage plan of the account."""
    return case.aws("apigateway").create_usage_plan(
        name=f"plan-{case.world.number()}",
        throttle={"burstLimit": 100, "rateLimit": 50.0},
        quota={"limit": 1000, "period": "DAY"},
    )["id"]


class ForceMultiZoneFailover(Case):
    """A database that does not reboot is rebooted with a failover."""

    file = "digito__rds__test__force_maz_failover__2020-04-01__Documents__AutomationDocument.yml"
    document = "Digito-MazFailover"

    def before(self):
        self.database = f"db-{self.world.number()}"
        self.aws("rds").create_db_instance(
            DBInstanceIdentifier=self.database,
            DBInstanceClass="db.m5.large",
            Engine="postgres",
            MasterUsername="root",
            MasterUserPassword="hunter2hunter2",
            AllocatedStorage=20,
            MultiAZ=True,
        )
        return {"DbInstanceId": self.database, "SyntheticAlarmName": self.world.alarm()}

    def after(self):
        equal(self.step("AssertNotRebooting")["StepStatus"], "Failed")
        [rebooted] = [
            dict(seen.params)
            for seen in self.world.proxy.requests()
            if seen.name == "rds:RebootDBInstance" and ("DBInstanceIdentifier", self.database) in seen.params
        ]
        equal(rebooted["ForceFailover"], "true")


class ForceAuroraFailover(Case):
    """Another instance of a cluster becomes its writer."""

    file = "digito__rds__test__force_aurora_failover__2020-04-01__Documents__AutomationDocument.yml"
    document = "Digito-AuroraFailover"

    def before(self):
        rds = self.aws("rds")
        self.cluster = f"cluster-{self.world.number()}"
        rds.create_db_cluster(
            DBClusterIdentifier=self.cluster,
            Engine="aurora-mysql",
            MasterUsername="root",
            MasterUserPassword="hunter2hunter2",
        )
        for at in "ab":
            rds.create_db_instance(
                DBInstanceIdentifier=f"{self.cluster}-{at}",
                DBClusterIdentifier=self.cluster,
                DBInstanceClass="db.r5.large",
                Engine="aurora-mysql",
            )
        self.first = self.writer()
        [self.other] = {f"{self.cluster}-a", f"{self.cluster}-b"} - {self.first}
        return {"ClusterId": self.cluster, "InstanceId": self.other, "SyntheticAlarmName": self.world.alarm()}

    def writer(self):
        [cluster] = self.aws("rds").describe_db_clusters(DBClusterIdentifier=self.cluster)["DBClusters"]
        [writer] = [one["DBInstanceIdentifier"] for one in cluster["DBClusterMembers"] if one["IsClusterWriter"]]
        return writer

    def after(self):
        equal(self.writer(), self.other)


class CleanBucket(Case):
    """A bucket loses all versions and markers."""

    file = "digito__util__s3__clean_s3_bucket__2020-03-03__Documents__AutomationDocument.yml"
    document = "Digito-CleanBucket"

    def before(self):
        self.bucket = self.world.bucket()
        s3 = self.aws("s3")
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"1", b"2"):
            s3.put_object(Bucket=self.bucket, Key="a b/ä+%.txt", Body=body)
        s3.delete_object(Bucket=self.bucket, Key="a b/ä+%.txt")
        return {"S3BucketNameToClean": self.bucket}

    def after(self):
        found = self.aws("s3").list_object_versions(Bucket=self.bucket)
        equal((found.get("Versions"), found.get("DeleteMarkers")), (None, None))
        equal(self.step("CleanRestoreBucket")["Outputs"]["NumberOfDeletedObjects"], ["3"])


class CostReport(Case):
    """A report of what costs too much is written into a bucket."""

    file = "thomasvincent+aws-ssm-automation-scripts__cost_optimization_recommendations.yaml"

    def before(self):
        self.bucket = self.world.bucket()
        self.volume = self.aws("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=123)["VolumeId"]
        return {"ResourceTypes": ["EBS"], "Region": REGION, "ReportS3Bucket": self.bucket}

    def after(self):
        found = self.aws("s3").list_objects_v2(Bucket=self.bucket).get("Contents", [])
        texts = [self.aws("s3").get_object(Bucket=self.bucket, Key=one["Key"])["Body"].read().decode() for one in found]
        assert any(self.volume in text for text in texts), texts


def commands(case, instance):
    """The commands that an instance was sent and the account took. (moto adds all other instances to each.)"""
    sent = [seen for seen in case.world.proxy.requests() if seen.name == "ssm:SendCommand" and seen.status == 200]
    return [dict(one.params) for one in sent if instance in dict(one.params).values()]


class CpuStressByCommand(Case):
    """Two instances are sent the command that keeps their processors busy."""

    file = "adhorn+chaos-ssm-documents__automation__run-command-integration__cpu-stress-via-rc.yml"

    def before(self):
        self.instances = [self.world.instance(), self.world.instance()]
        return {"InstanceIds": self.instances, "duration": "5"}

    def after(self):
        [command] = commands(self, self.instances[0])
        equal(command["DocumentName"], "cpu-stress")
        equal([command["InstanceIds.1"], command["InstanceIds.2"]], self.instances)
        equal([command["Parameters.cpu.1"], command["Parameters.duration.1"]], ["0", "5"])


class InjectCpuLoad(Case):
    """An instance is sent the command; then the document's own mistake (a `boto3_config` that it does not define) ends it."""

    file = "digito__compute__test__ec2-inject_cpu_load__2020-07-28__Documents__AutomationDocument.yml"
    document = "Digito-InjectCpuLoad"
    ends = "Failed"

    def before(self):
        self.instance = self.world.instance()
        return {"InstanceId": self.instance, "CpuUtilizationAlarmName": self.world.alarm(), "LoadPercent": "35"}

    def after(self):
        [command] = commands(self, self.instance)
        equal(command["DocumentName"], "Digito-RunCpuStress_2020-07-28")
        told = [command[f"Parameters.{name}.1"] for name in ("LoadPercent", "CPU", "DurationSeconds")]
        equal(told, ["35", "0", "300"])
        assert "boto3_config" in self.step("AssertAlarmTriggered")["FailureMessage"]


class KillProcess(ScaleOut):
    """Half of a group's instances lose a process; then the same mistake ends it."""

    file = "digito__compute__test__asg-kill_process__2020-07-28__Documents__AutomationDocument.yml"
    document = "Digito-KillProcess"
    ends = "Failed"

    def before(self):
        super().before()
        return {
            "AutoScalingGroupName": self.group,
            "ProcessName": "java",
            "MultipleUnhealthyHostsAlarmName": self.world.alarm(),
            "PercentageOfInstances": "50",
            "ExpectedRecoveryTimeInMinutes": "0",
        }

    def after(self):
        found = self.aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.group])
        members = [one["InstanceId"] for one in found["AutoScalingGroups"][0]["Instances"]]
        sent = [commands(self, member) for member in members]
        equal(sorted(len(each) for each in sent), [0, 1])
        [command] = max(sent, key=len)
        equal(command["Parameters.ProcessName.1"], "java")


class DeleteImage(Case):
    """An image goes, and its snapshots with it."""

    file = "awslabs+aws-systems-manager__Documents__Automation__DeleteImage__Documents__aws-DeleteImage.json"

    def before(self):
        ec2 = self.aws("ec2")
        self.image = ec2.create_image(InstanceId=self.world.instance(), Name="old")["ImageId"]
        [image] = ec2.describe_images(ImageIds=[self.image])["Images"]
        self.snapshots = [disk["Ebs"]["SnapshotId"] for disk in image["BlockDeviceMappings"] if "Ebs" in disk]
        equal(len(self.snapshots), 1)
        return {"ImageId": self.image}

    def after(self):
        filters = [{"Name": "image-id", "Values": [self.image]}]
        equal(self.aws("ec2").describe_images(Filters=filters)["Images"], [])
        filters = [{"Name": "snapshot-id", "Values": self.snapshots}]
        equal(self.aws("ec2").describe_snapshots(Filters=filters)["Snapshots"], [])


class DeleteStackWithApproval(Case):
    """A stack goes, with what it made, once a person has agreed."""

    file = "awslabs+aws-systems-manager__Documents__Automation__DeleteCloudFormationWithApproval__Documents__aws-DeleteCloudFormationWithApproval.json"

    def before(self):
        self.queue = f"of-a-stack-{self.world.number()}"
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": self.queue}}
        template = json.dumps({"Resources": {"Queue": queue}})
        self.aws("cloudformation").create_stack(StackName=self.queue, TemplateBody=template)
        equal(self.queues(), 1)
        topic = self.aws("sns").create_topic(Name="Automation-stacks")["TopicArn"]
        return {"StackNameOrId": self.queue, "Approvers": [self.world.caller()], "SNSTopicArn": topic}

    def queues(self):
        return len(self.aws("sqs").list_queues(QueueNamePrefix=self.queue).get("QueueUrls", []))

    def during(self):
        wait_until("the approval waits", lambda: self.step("approve")["StepStatus"] == "Waiting")
        equal(self.queues(), 1)
        self.world.ssm.send_automation_signal(AutomationExecutionId=self.run, SignalType="Approve")

    def after(self):
        equal(self.queues(), 0)
        [gone] = [
            one
            for one in self.aws("cloudformation").list_stacks()["StackSummaries"]
            if one["StackName"] == self.queue
        ]
        equal(gone["StackStatus"], "DELETE_COMPLETE")


class JoinDomain(Case):
    """A Windows instance is sent the command that joins it to a domain, tagged and rebooted."""

    file = "aws-samples+ssm-automation-custom-ad-domain-join-unjoin__templates__systemsmanager__ssm-automation-domainjoinunjoin.yaml"
    activity, tag, call = "Join", "Join-complete", "ec2:RebootInstances"

    def before(self):
        images = self.aws("ec2").describe_images(Filters=[{"Name": "platform", "Values": ["windows"]}])["Images"]
        made = self.aws("ec2").run_instances(ImageId=images[0]["ImageId"], MinCount=1, MaxCount=1)
        self.instance = made["Instances"][0]["InstanceId"]
        return {"InstanceId": self.instance, "DomainJoinActivity": self.activity}

    def after(self):
        [command] = commands(self, self.instance)
        equal(command["DocumentName"], "AWS-RunPowerShellScript")
        text = command["Parameters.commands.1"]
        assert "Win32_ComputerSystem" in text and "\n" in text, text
        filters = [{"Name": "resource-id", "Values": [self.instance]}]
        tags = self.aws("ec2").describe_tags(Filters=filters)["Tags"]
        equal([(tag["Key"], tag["Value"]) for tag in tags], [("ADJoined", self.tag)])
        called = [
            seen
            for seen in self.world.proxy.requests()
            if seen.name == self.call and self.instance in dict(seen.params).values()
        ]
        equal(len(called), 1)


class UnjoinDomain(JoinDomain):
    """The same the other way, which ends with the instance stopped."""

    activity, tag, call = "Unjoin", "Unjoin-complete", "ec2:StopInstances"

    def after(self):
        super().after()
        equal(self.world.instance_state(self.instance), "stopped")


class MakeTargetsUnhealthy(Case):
    """A load balancer's targets fail their health checks until an alarm rings, and get their port back."""

    file = "digito__load-balancer__test__network_gw_lb_target_unavailable__2020-04-01__Documents__AutomationDocument.yml"
    document = "Digito-TargetsUnavailable"

    def before(self):
        vpc, subnet = self.world.vpc()
        balancing = self.aws("elbv2")
        name = f"lb-{self.world.number()}"
        made = balancing.create_load_balancer(Name=name, Subnets=[subnet], Type="network")["LoadBalancers"]
        balancer = made[0]["LoadBalancerArn"]
        made = balancing.create_target_group(Name=name, Protocol="TCP", Port=80, VpcId=vpc, HealthCheckPort="8080")
        self.targets = made["TargetGroups"][0]["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": self.targets}]
        balancing.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=forward)
        self.alarm = self.world.alarm()
        return {"LoadBalancerArn": balancer, "SyntheticAlarmName": self.alarm}

    def port(self):
        found = self.aws("elbv2").describe_target_groups(TargetGroupArns=[self.targets])
        return found["TargetGroups"][0]["HealthCheckPort"]

    def during(self):
        wait_until("the targets are unhealthy", lambda: self.port() == "65534")
        self.ring("ALARM")
        wait_until("the targets are healthy", lambda: self.port() == "8080")
        self.ring("OK")

    def ring(self, state):
        self.aws("cloudwatch").set_alarm_state(AlarmName=self.alarm, StateValue=state, StateReason="test")

    def after(self):
        equal(self.port(), "8080")


OTHERS = (
    MakeTargetsUnhealthy,
    CpuStressByCommand,
    InjectCpuLoad,
    KillProcess,
    DeleteImage,
    DeleteStackWithApproval,
    JoinDomain,
    UnjoinDomain,
    DenyTrafficByNacl,
    ApiQuotaTest,
    RebootInstance,
    TerminateInstance,
    TerminateRandomInstance,
    RestartInstances,
    TerminateWithApproval,
    TerminateRejected,
    CreateEksCluster,
    ScaleOut,
    ScaleOutRehearsed,
    UpdateProvisionedCapacity,
    ScaleService,
    ChangeThrottlingTooMuch,
    ForceMultiZoneFailover,
    ForceAuroraFailover,
    CleanBucket,
    CostReport,
)
