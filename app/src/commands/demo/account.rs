//! The demo's AWS account: a VPC with two instances behind an Auto Scaling group and a load balancer, and a user with keys.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::client::{Client, list, text};

/// What was built, as far as the story needs it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) instances: Vec<String>,
    pub(crate) role_arn: String,
    /// The user whose access key leaks.
    pub(crate) user: User,
}

/// A user with two access keys.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    /// The key that leaks.
    pub(crate) leaked: String,
}

/// Role that Quell's runbooks assume.
const RESPONDER: &str = "quell-responder";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

/// Builds the account.
pub(crate) async fn build(aws: &Client) -> Result<Account> {
    let vpc = text(
        &aws.call("ec2", "CreateVpc", json!({"CidrBlock": "10.0.0.0/16"}))
            .await?,
        "/Vpc/VpcId",
    )?;
    let mut subnets = Vec::new();
    for (cidr, zone) in [("10.0.1.0/24", "us-east-1a"), ("10.0.2.0/24", "us-east-1b")] {
        let params = json!({"VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": zone});
        subnets.push(text(
            &aws.call("ec2", "CreateSubnet", params).await?,
            "/Subnet/SubnetId",
        )?);
    }
    let group = security_group(aws, &vpc).await?;
    let profile = profile(aws).await?;
    let target_group = balancer(aws, &vpc, &subnets).await?;
    let template = template(aws, &group, &profile).await?;
    let params = json!({
        "AutoScalingGroupName": "shop", "LaunchTemplate": {"LaunchTemplateId": template},
        "MinSize": 1, "MaxSize": 6, "DesiredCapacity": 2,
        "VPCZoneIdentifier": subnets.join(","), "TargetGroupARNs": [target_group],
    });
    aws.call("autoscaling", "CreateAutoScalingGroup", params)
        .await?;
    let found = aws
        .call("autoscaling", "DescribeAutoScalingInstances", json!({}))
        .await?;
    let mut instances: Vec<String> = list(&found, "/AutoScalingInstances")
        .iter()
        .filter_map(|instance| instance["InstanceId"].as_str().map(str::to_owned))
        .collect();
    instances.sort();
    if instances.len() != 2 {
        bail!(
            "the Auto Scaling group started {} instances instead of 2",
            instances.len()
        );
    }
    for instance in &instances {
        equip(aws, instance, &profile).await?;
    }
    let role_arn = role(aws, RESPONDER).await?;
    let user = user(aws, "shop-deploy").await?;
    Ok(Account {
        instances,
        role_arn,
        user,
    })
}

async fn security_group(aws: &Client, vpc: &str) -> Result<String> {
    let params =
        json!({"GroupName": "shop-web", "Description": "web servers of the shop", "VpcId": vpc});
    let group = text(
        &aws.call("ec2", "CreateSecurityGroup", params).await?,
        "/GroupId",
    )?;
    let open = json!({"GroupId": group, "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
    ]});
    aws.call("ec2", "AuthorizeSecurityGroupIngress", open)
        .await?;
    Ok(group)
}

async fn role(aws: &Client, name: &str) -> Result<String> {
    let params = json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST});
    text(&aws.call("iam", "CreateRole", params).await?, "/Role/Arn")
}

/// Who has one key of a user may have made another: the user has two.
async fn user(aws: &Client, name: &str) -> Result<User> {
    let params = json!({"UserName": name});
    aws.call("iam", "CreateUser", params.clone()).await?;
    let leaked = aws.call("iam", "CreateAccessKey", params.clone()).await?;
    aws.call("iam", "CreateAccessKey", params).await?;
    Ok(User {
        name: name.to_owned(),
        leaked: text(&leaked, "/AccessKey/AccessKeyId")?,
    })
}

async fn profile(aws: &Client) -> Result<String> {
    role(aws, "shop-web").await?;
    let created = aws
        .call(
            "iam",
            "CreateInstanceProfile",
            json!({"InstanceProfileName": "shop-web"}),
        )
        .await?;
    let params = json!({"InstanceProfileName": "shop-web", "RoleName": "shop-web"});
    aws.call("iam", "AddRoleToInstanceProfile", params).await?;
    text(&created, "/InstanceProfile/Arn")
}

async fn balancer(aws: &Client, vpc: &str, subnets: &[String]) -> Result<String> {
    let params = json!({"Name": "shop-web", "Protocol": "HTTP", "Port": 80, "VpcId": vpc});
    let created = aws.call("elbv2", "CreateTargetGroup", params).await?;
    let target_group = text(&created, "/TargetGroups/0/TargetGroupArn")?;
    let created = aws
        .call(
            "elbv2",
            "CreateLoadBalancer",
            json!({"Name": "shop", "Subnets": subnets}),
        )
        .await?;
    let listener = json!({
        "LoadBalancerArn": text(&created, "/LoadBalancers/0/LoadBalancerArn")?,
        "Protocol": "HTTP", "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": target_group}],
    });
    aws.call("elbv2", "CreateListener", listener).await?;
    Ok(target_group)
}

async fn template(aws: &Client, group: &str, profile: &str) -> Result<String> {
    let images = aws
        .call("ec2", "DescribeImages", json!({"MaxResults": 5}))
        .await?;
    let params = json!({"LaunchTemplateName": "shop-web", "LaunchTemplateData": {
        "ImageId": text(&images, "/Images/0/ImageId")?, "InstanceType": "t3.micro",
        "SecurityGroupIds": [group], "IamInstanceProfile": {"Arn": profile},
    }});
    text(
        &aws.call("ec2", "CreateLaunchTemplate", params).await?,
        "/LaunchTemplate/LaunchTemplateId",
    )
}

/// Gives an instance a data volume, a second network interface, and the profile that moto does not take from templates.
async fn equip(aws: &Client, instance: &str, profile: &str) -> Result<()> {
    let found = aws
        .call(
            "ec2",
            "DescribeInstances",
            json!({"InstanceIds": [instance]}),
        )
        .await?;
    let described = found
        .pointer("/Reservations/0/Instances/0")
        .cloned()
        .unwrap_or(Value::Null);
    let zone = text(&described, "/Placement/AvailabilityZone")?;
    let volume = aws
        .call(
            "ec2",
            "CreateVolume",
            json!({"AvailabilityZone": zone, "Size": 8}),
        )
        .await?;
    let attach = json!({"VolumeId": text(&volume, "/VolumeId")?, "InstanceId": instance, "Device": "/dev/sdf"});
    aws.call("ec2", "AttachVolume", attach).await?;
    let groups: Vec<Value> = list(&described, "/SecurityGroups")
        .iter()
        .map(|group| group["GroupId"].clone())
        .collect();
    let interface = json!({"SubnetId": text(&described, "/SubnetId")?, "Groups": groups});
    let interface = aws.call("ec2", "CreateNetworkInterface", interface).await?;
    let attach = json!({
        "NetworkInterfaceId": text(&interface, "/NetworkInterface/NetworkInterfaceId")?,
        "InstanceId": instance, "DeviceIndex": 1,
    });
    aws.call("ec2", "AttachNetworkInterface", attach).await?;
    let filter = json!({"Filters": [{"Name": "instance-id", "Values": [instance]}]});
    let associations = aws
        .call("ec2", "DescribeIamInstanceProfileAssociations", filter)
        .await?;
    if list(&associations, "/IamInstanceProfileAssociations").is_empty() {
        let params = json!({"IamInstanceProfile": {"Arn": profile}, "InstanceId": instance});
        aws.call("ec2", "AssociateIamInstanceProfile", params)
            .await?;
    }
    Ok(())
}
