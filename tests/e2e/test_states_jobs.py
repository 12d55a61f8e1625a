"""Tasks that run jobs of other services and wait for them (.sync), against the services that moto plays."""

import json
import unittest
import urllib.request
import uuid

from quelltest import ACCOUNT, DEADLINE, REGION, wait_until
from states_world import ROLE, StatesTest, machine

IMAGE = {"name": "scan", "image": "scan", "memory": 64, "cpu": 16, "essential": True}


class Jobs(StatesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tell("config", {"batch": {"use_docker": False}})

    @classmethod
    def tell(cls, what, data):
        with urllib.request.urlopen(f"{cls.moto.url}/moto-api/{what}", json.dumps(data).encode(), timeout=DEADLINE):
            pass

    def run_task(self, resource, arguments, **more):
        """Starts a machine with one Task."""
        state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True, **more}
        definition = machine({"Job": state}, QueryLanguage="JSONata")
        return self.start(self.create(f"job-{uuid.uuid4().hex[:8]}", definition))

    def result(self, resource, arguments):
        ended = self.ended(self.run_task(resource, arguments))
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        return json.loads(ended["output"])

    def cluster(self):
        ecs, name = self.moto.client("ecs"), f"cluster-{uuid.uuid4().hex[:6]}"
        ecs.create_cluster(clusterName=name)
        ecs.register_task_definition(family="scan", containerDefinitions=[IMAGE], requiresCompatibilities=["FARGATE"])
        subnet = self.moto.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        group = self.moto.client("ec2").describe_security_groups()["SecurityGroups"][0]["GroupId"]
        network = {"AwsvpcConfiguration": {"Subnets": [subnet], "SecurityGroups": [group]}}
        asked = {"Cluster": name, "TaskDefinition": "scan", "LaunchType": "FARGATE", "NetworkConfiguration": network}
        return name, asked

    def test_a_job_of_batch(self):
        batch, iam = self.moto.client("batch"), self.moto.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName=f"batch-{uuid.uuid4().hex[:6]}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        batch.create_compute_environment(
            computeEnvironmentName="here", type="UNMANAGED", state="ENABLED", serviceRole=role
        )
        order = [{"order": 1, "computeEnvironment": "here"}]
        batch.create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)
        container = {"image": "scan", "vcpus": 1, "memory": 64, "command": ["scan"]}
        batch.register_job_definition(jobDefinitionName="scan", type="container", containerProperties=container)
        asked = {"JobName": "scan-1", "JobQueue": "queue", "JobDefinition": "scan"}
        asked["Parameters"] = {"team": "soc"}
        done = self.result("batch:submitJob.sync", asked)
        self.assertEqual((done["JobName"], done["Status"]), ("scan-1", "SUCCEEDED"))
        self.assertEqual({key for key in done["Container"] if key[0].islower()}, set(), "names have capitals")
        begun = self.result("batch:submitJob", asked)
        self.assertEqual((begun["JobName"], begun["SdkHttpMetadata"]["HttpStatusCode"]), ("scan-1", 200))
        seen = self.result("aws-sdk:batch:describeJobs", {"Jobs": [begun["JobId"]]})
        self.assertEqual(seen["Jobs"][0]["JobId"], begun["JobId"])
        # Keys of maps are data: they keep their spelling.
        self.assertEqual(seen["Jobs"][0]["Parameters"], {"team": "soc"})
        ended = self.ended(self.run_task("batch:submitJob.sync", {**asked, "JobQueue": "none"}))
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Batch.ClientException"))
        self.assertIn("(Service: AWSBatch; Status Code: 400; Error Code: ClientException;", ended["cause"])

    def test_a_build_of_codebuild(self):
        self.moto.client("codebuild").create_project(
            name="collect",
            source={"type": "S3", "location": "bucket/path"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole=ROLE.replace("machines", "service-role/codebuild"),
        )
        done = self.result("codebuild:startBuild.sync", {"ProjectName": "collect"})
        build = done["Build"]
        self.assertEqual((build["BuildStatus"], build["ProjectName"]), ("SUCCEEDED", "collect"))
        self.assertIsInstance(build["StartTime"], int)
        self.assertEqual(build["Phases"][0]["PhaseType"], "SUBMITTED")
        begun = self.result("codebuild:startBuild", {"ProjectName": "collect"})
        self.assertIn("collect:", begun["Build"]["Id"])

    def test_a_task_of_ecs(self):
        name, asked = self.cluster()
        done = self.result("ecs:runTask.sync", asked)
        self.assertEqual((done["LastStatus"], done["Containers"][0]["ExitCode"]), ("STOPPED", 0))
        self.assertTrue(done["ClusterArn"].endswith(f"cluster/{name}"))
        both = self.result("ecs:runTask.sync", {**asked, "Count": 2})
        self.assertEqual([task["LastStatus"] for task in both["Tasks"]], ["STOPPED", "STOPPED"])
        begun = self.result("ecs:runTask", asked)
        self.assertEqual((begun["Failures"], begun["Tasks"][0]["LaunchType"]), ([], "FARGATE"))
        # The plain integrations of such services are spelled alike.
        seen = self.result("aws-sdk:ecs:describeClusters", {"Clusters": [name]})
        self.assertEqual(seen["Clusters"][0]["ClusterName"], name)

    def test_a_stopped_execution_stops_its_job(self):
        name, asked = self.cluster()
        self.tell(
            "state-manager/set-transition",
            {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 10_000}},
        )
        self.addCleanup(self.tell, "state-manager/unset-transition", {"model_name": "ecs::task"})
        execution = self.run_task("ecs:runTask.sync", {**asked, "Count": 2})
        wait_until("the tasks", lambda: any(event["type"] == "TaskSubmitted" for event in self.events(execution)))
        ecs = self.moto.client("ecs")
        tasks = ecs.list_tasks(cluster=name)["taskArns"]
        self.assertEqual(len(tasks), 2)
        self.states.stop_execution(executionArn=execution)

        def stopped():
            seen = ecs.describe_tasks(cluster=name, tasks=tasks)["tasks"]
            return all("does not wait" in task.get("stoppedReason", "") for task in seen)

        wait_until("the end of the tasks", stopped)
        self.assertEqual(self.ended(execution)["status"], "ABORTED")

    def test_a_cluster_of_emr_and_a_training_job(self):
        asked = {
            "Name": "lake",
            "ReleaseLabel": "emr-7.0.0",
            "JobFlowRole": "EMR_EC2_DefaultRole",
            "ServiceRole": "EMR_DefaultRole",
            "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "InstanceCount": 1, "MasterInstanceType": "m5.large"},
        }
        made = self.result("elasticmapreduce:createCluster.sync", asked)
        self.assertEqual((made["Cluster"]["Name"], made["Cluster"]["Status"]["State"]), ("lake", "WAITING"))
        step = {"Name": "count", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "x.jar"}}
        added = self.result("elasticmapreduce:addStep", {"ClusterId": made["ClusterId"], "Step": step})
        self.assertRegex(added["StepId"], "^s-")
        ended = self.result("elasticmapreduce:terminateCluster.sync", {"ClusterId": made["ClusterId"]})
        self.assertEqual(ended["Cluster"]["Status"]["State"], "TERMINATED")
        with self.refused(self.states, "InvalidDefinition", 400, saying='The field "Steps" is not supported'):
            self.run_task("elasticmapreduce:createCluster", {**asked, "Steps": [step]})
        # What the data gives is seen when the call is made.
        refused = self.ended(self.run_task("elasticmapreduce:createCluster", {**asked, "Steps": "{% [] %}"}))
        self.assertEqual((refused["status"], refused["error"]), ("FAILED", "States.Runtime"))
        asked = {
            "TrainingJobName": "learn",
            "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        }
        done = self.result("sagemaker:createTrainingJob.sync", asked)
        self.assertEqual((done["TrainingJobName"], done["TrainingJobStatus"]), ("learn", "Completed"))
        self.assertIn(f":{REGION}:{ACCOUNT}:training-job/", done["TrainingJobArn"])


if __name__ == "__main__":
    unittest.main()
