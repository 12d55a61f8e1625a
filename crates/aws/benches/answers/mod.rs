//! Answers for the bench, of the size and with the members that services give.

/// EC2's `DescribeInstances`, about 3 KB per instance.
pub(crate) fn instances(count: usize) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>8f7724cf-496f-496e-8fe3-example</requestId>",
    );
    if count == 0 {
        out.push_str("<reservationSet/>");
    } else {
        out.push_str("<reservationSet><item><reservationId>r-0a1b2c3d4e5f60718</reservationId><ownerId>111122223333</ownerId><groupSet/><instancesSet>");
        for number in 0..count {
            let (id, last) = (format!("{number:017x}"), number % 250);
            out.push_str(
                &INSTANCE
                    .replace("{id}", &id)
                    .replace("{last}", &last.to_string()),
            );
        }
        out.push_str("</instancesSet></item></reservationSet>");
    }
    out.push_str("</DescribeInstancesResponse>");
    out
}

const INSTANCE: &str = concat!(
    "<item><instanceId>i-{id}</instanceId><imageId>ami-0123456789abcdef0</imageId>",
    "<instanceState><code>16</code><name>running</name></instanceState>",
    "<privateDnsName>ip-10-20-30-{last}.ec2.internal</privateDnsName>",
    "<dnsName>ec2-203-0-113-{last}.compute-1.amazonaws.com</dnsName><reason/><amiLaunchIndex>0</amiLaunchIndex>",
    "<productCodes/><instanceType>m5.large</instanceType><launchTime>2026-11-20T21:15:42.000Z</launchTime>",
    "<placement><groupName/><tenancy>default</tenancy><availabilityZone>us-east-1a</availabilityZone></placement>",
    "<platform>windows</platform><monitoring><state>disabled</state></monitoring>",
    "<subnetId>subnet-0aa1bb2cc3dd4ee5f</subnetId><vpcId>vpc-0f1e2d3c4b5a69788</vpcId>",
    "<privateIpAddress>10.20.30.{last}</privateIpAddress><ipAddress>203.0.113.{last}</ipAddress>",
    "<architecture>x86_64</architecture><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs>",
    "<attachTime>2026-11-20T21:15:45.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>",
    "<status>attached</status><volumeId>vol-{id}</volumeId></ebs></item></blockDeviceMapping>",
    "<clientToken>6f2c1d9e-3b4a-4c5d-8e7f-90a1b2c3d4e5</clientToken><ebsOptimized>false</ebsOptimized>",
    "<hypervisor>xen</hypervisor><networkInterfaceSet><item><association><ipOwnerId>111122223333</ipOwnerId>",
    "<publicDnsName>ec2-203-0-113-{last}.compute-1.amazonaws.com</publicDnsName>",
    "<publicIp>203.0.113.{last}</publicIp></association><attachment>",
    "<attachTime>2026-11-20T21:15:45.000Z</attachTime><attachmentId>eni-attach-{id}</attachmentId>",
    "<deleteOnTermination>true</deleteOnTermination><deviceIndex>0</deviceIndex><status>attached</status>",
    "<networkCardIndex>0</networkCardIndex></attachment><description>Primary network interface</description>",
    "<groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>default</groupName></item></groupSet>",
    "<ipv6AddressesSet/><macAddress>02:00:00:5e:10:aa</macAddress><networkInterfaceId>eni-{id}</networkInterfaceId>",
    "<ownerId>111122223333</ownerId><privateDnsName>ip-10-20-30-{last}.ec2.internal</privateDnsName>",
    "<privateIpAddress>10.20.30.{last}</privateIpAddress><privateIpAddressesSet><item><association>",
    "<ipOwnerId>111122223333</ipOwnerId><publicDnsName>ec2-203-0-113-{last}.compute-1.amazonaws.com</publicDnsName>",
    "<publicIp>203.0.113.{last}</publicIp></association><primary>true</primary>",
    "<privateIpAddress>10.20.30.{last}</privateIpAddress></item></privateIpAddressesSet>",
    "<sourceDestCheck>true</sourceDestCheck><status>in-use</status><subnetId>subnet-0aa1bb2cc3dd4ee5f</subnetId>",
    "<vpcId>vpc-0f1e2d3c4b5a69788</vpcId><interfaceType>interface</interfaceType></item></networkInterfaceSet>",
    "<rootDeviceName>/dev/sda1</rootDeviceName><rootDeviceType>ebs</rootDeviceType><groupSet><item>",
    "<groupId>sg-0123456789abcdef0</groupId><groupName>default</groupName></item></groupSet>",
    "<sourceDestCheck>true</sourceDestCheck><sriovNetSupport>simple</sriovNetSupport>",
    "<stateReason><code/><message/></stateReason>",
    "<tagSet><item><key>Name</key><value>web &amp; mail {last}</value></item></tagSet>",
    "<virtualizationType>hvm</virtualizationType><hibernationOptions/><metadataOptions><state>applied</state>",
    "<httpTokens>required</httpTokens><httpPutResponseHopLimit>1</httpPutResponseHopLimit>",
    "<httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>",
    "<instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions></item>",
);

/// GuardDuty's `GetFindings`.
pub(crate) fn findings(count: usize) -> String {
    let findings: Vec<String> = (0..count)
        .map(|number| FINDING.replace("{id}", &format!("{number:032x}")))
        .collect();
    format!("{{\"findings\":[{}]}}", findings.join(","))
}

const FINDING: &str = concat!(
    r#"{"schemaVersion":"2.0","accountId":"111122223333","region":"us-east-1","partition":"aws","id":"{id}","#,
    r#""arn":"arn:aws:guardduty:us-east-1:111122223333:detector/12abc34d567e8fa901bc2d34e56789f0/finding/{id}","#,
    r#""type":"UnauthorizedAccess:EC2/SSHBruteForce","severity":5.0,"confidence":7.5,"#,
    r#""createdAt":"2026-11-20T21:15:42.000Z","updatedAt":"2026-11-21T01:02:03.456Z","#,
    r#""title":"An instance is attempting SSH logins at many hosts.","#,
    r#""description":"The instance i-0123456789abcdef0 tries passwords at 198.51.100.0 \"over and over\".","#,
    r#""resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-0123456789abcdef0","#,
    r#""instanceType":"m5.large","launchTime":"2026-11-19T08:00:00Z","platform":null,"productCodes":[],"#,
    r#""availabilityZone":"us-east-1a","imageId":"ami-0123456789abcdef0","imageDescription":"Base image","#,
    r#""instanceState":"running","iamInstanceProfile":{"arn":"arn:aws:iam::111122223333:instance-profile/web","id":"AIPAEXAMPLE"},"#,
    r#""tags":[{"key":"Name","value":"web"},{"key":"team","value":"payments"}],"networkInterfaces":[{"#,
    r#""networkInterfaceId":"eni-0123456789abcdef0","privateDnsName":"ip-10-20-30-40.ec2.internal","#,
    r#""privateIpAddress":"10.20.30.40","privateIpAddresses":[{"privateDnsName":"ip-10-20-30-40.ec2.internal","#,
    r#""privateIpAddress":"10.20.30.40"}],"publicDnsName":"ec2-203-0-113-7.compute-1.amazonaws.com","#,
    r#""publicIp":"203.0.113.7","securityGroups":[{"groupId":"sg-0123456789abcdef0","groupName":"default"}],"#,
    r#""subnetId":"subnet-0aa1bb2cc3dd4ee5f","vpcId":"vpc-0f1e2d3c4b5a69788","ipv6Addresses":[]}]}},"#,
    r#""service":{"serviceName":"guardduty","detectorId":"12abc34d567e8fa901bc2d34e56789f0","archived":false,"count":17,"#,
    r#""eventFirstSeen":"2026-11-20T21:00:00Z","eventLastSeen":"2026-11-21T01:00:00Z","resourceRole":"ACTOR","#,
    r#""action":{"actionType":"NETWORK_CONNECTION","networkConnectionAction":{"blocked":false,"#,
    r#""connectionDirection":"OUTBOUND","protocol":"TCP","localPortDetails":{"port":41022,"portName":"Unknown"},"#,
    r#""remotePortDetails":{"port":22,"portName":"SSH"},"localIpDetails":{"ipAddressV4":"10.20.30.40"},"#,
    r#""remoteIpDetails":{"ipAddressV4":"198.51.100.23","city":{"cityName":"Springfield"},"#,
    r#""country":{"countryName":"Nowhere"},"geoLocation":{"lat":12.34,"lon":-56.78},"#,
    r#""organization":{"asn":"64500","asnOrg":"Example","isp":"Example ISP","org":"Example"}}}},"#,
    r#""evidence":{"threatIntelligenceDetails":[{"threatListName":"Sample","threatNames":["SSH"]}]},"#,
    r#""additionalInfo":{"value":"{\"portsScannedSample\":[22,2222]}","type":"default"}}}"#,
);

/// S3's `ListObjectsV2`.
pub(crate) fn keys(count: usize) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>evidence</Name><Prefix>cases/</Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
    );
    for number in 0..count {
        out.push_str(&format!(
            "<Contents><Key>cases/2026/11/21/disk-{number:04}.img</Key><LastModified>2026-11-21T01:02:03.000Z</LastModified><ETag>&quot;{number:032x}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            number * 4096
        ));
    }
    out.push_str("</ListBucketResult>");
    out
}

/// STS's `GetCallerIdentity`.
pub(crate) fn identity() -> String {
    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:assumed-role/responder/session</Arn><UserId>AROAEXAMPLE:session</UserId><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata></GetCallerIdentityResponse>".to_owned()
}
