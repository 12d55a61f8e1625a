//! Instances that are run, and their images.

use flow::automation::Status;
use serde_json::json;

use super::{called, last, refused, step};
use crate::world::{World, done, failed, nothing};

#[test]
fn instances_are_run_until_their_checks_pass() {
    let text = step(
        "runInstances",
        "",
        "{ImageId: ami-1, MinInstanceCount: 1, MaxInstanceCount: 2, IamInstanceProfileName: P, SecurityGroupIds: sg-1, UserData: aGk=, KeyName: '', Monitoring: true}",
    );
    let mut world = World::of(&text, &[]);
    assert_eq!(
        world.last_call().params,
        json!({"ImageId": "ami-1", "InstanceType": "m1.small", "MinCount": 1, "MaxCount": 2, "IamInstanceProfile": {"Name": "P"},
            "SecurityGroupIds": ["sg-1"], "UserData": {"$base64": "aGk="}, "Monitoring": {"Enabled": true}})
    );
    let instance = |id: &str, state: &str| json!({"InstanceId": id, "State": {"Name": state}});
    world.answer(done(
        json!({"Instances": [instance("i-1", "pending"), instance("i-2", "pending")]}),
    ));
    assert_eq!(
        world.output("a", "InstanceIds"),
        Some(json!(["i-1", "i-2"]))
    );
    world.answer(failed("InvalidInstanceID.NotFound"));
    world.tick();
    world.answer(done(
        json!({"Reservations": [{"Instances": [instance("i-1", "running")]}]}),
    ));
    world.tick();
    world.answer(done(
        json!({"Reservations": [{"Instances": [instance("i-1", "running"), instance("i-2", "running")]}]}),
    ));
    assert_eq!(last(&world), "ec2:DescribeInstanceStatus");
    let check = |id: &str, status: &str| json!({"InstanceId": id, "InstanceStatus": {"Status": status}, "SystemStatus": {"Status": "ok"}});
    world.answer(done(
        json!({"InstanceStatuses": [check("i-1", "ok"), check("i-2", "initializing")]}),
    ));
    world.tick();
    world.answer(done(
        json!({"InstanceStatuses": [check("i-1", "ok"), check("i-2", "ok")]}),
    ));
    assert_eq!(
        (world.status(), world.output("a", "InstanceStates")),
        (Status::Success, Some(json!(["running", "running"])))
    );

    let mut world = World::of(&text, &[]);
    world.answer(done(json!({"Instances": [instance("i-1", "pending")]})));
    world.answer(done(
        json!({"Reservations": [{"Instances": [instance("i-1", "terminated")]}]}),
    ));
    assert!(
        world
            .failure("a")
            .contains("Instance i-1 entered unexpected state: terminated"),
        "{}",
        world.failure("a")
    );
    assert_eq!(
        world.output("a", "InstanceStates"),
        Some(json!(["terminated"]))
    );
}

#[test]
fn images_are_made_and_copied_until_they_are_available() {
    for (action, inputs, call, params) in [
        (
            "createImage",
            "{InstanceId: i-1, ImageName: N, ImageDescription: D, NoReboot: true}",
            "ec2:CreateImage",
            json!({"InstanceId": "i-1", "Name": "N", "Description": "D", "NoReboot": true}),
        ),
        (
            "copyImage",
            "{SourceRegion: us-east-1, SourceImageId: ami-0, ImageName: N, Encrypted: false, KmsKeyId: ''}",
            "ec2:CopyImage",
            json!({"SourceRegion": "us-east-1", "SourceImageId": "ami-0", "Name": "N", "Encrypted": false}),
        ),
    ] {
        let text = step(action, "", inputs);
        let mut world = World::of(&text, &[]);
        assert_eq!(last(&world), call);
        assert_eq!(world.last_call().params, params);
        world.answer(done(json!({"ImageId": "ami-1"})));
        for answer in [
            failed("InvalidAMIID.NotFound"),
            done(json!({"Images": [{"State": "pending"}]})),
        ] {
            assert_eq!(last(&world), "ec2:DescribeImages");
            world.answer(answer);
            world.tick();
        }
        world.answer(done(json!({"Images": [{"State": "available"}]})));
        assert_eq!(world.status(), Status::Success);
        assert_eq!(world.output("a", "ImageId"), Some(json!("ami-1")));
        assert_eq!(world.output("a", "ImageState"), Some(json!("available")));

        let mut world = World::of(&text, &[]);
        world.answer(done(json!({"ImageId": "ami-1"})));
        world.answer(done(
            json!({"Images": [{"State": "failed", "StateReason": {"Message": "disk"}}]}),
        ));
        assert!(
            world.failure("a").contains("failed (disk)"),
            "{}",
            world.failure("a")
        );
        assert_eq!(world.output("a", "ImageState"), Some(json!("failed")));
    }
}

#[test]
fn an_image_goes_with_its_snapshots() {
    let text = step("deleteImage", "", "{ImageId: ami-1}");
    let image = json!({"Images": [{"BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}, {"VirtualName": "e"}, {"Ebs": {"SnapshotId": "snap-2"}}]}]});
    let mut world = World::of(&text, &[]);
    world.answer(done(image.clone()));
    world.answer(nothing());
    world.answer(refused("InvalidSnapshot.InUse", "in use"));
    assert!(world.tick().ends_with("poll"));
    world.answer(nothing());
    assert_eq!(world.last_call().params, json!({"SnapshotId": "snap-2"}));
    world.answer(refused("InvalidSnapshot.NotFound", "gone"));
    assert_eq!(world.status(), Status::Success);
    assert_eq!(
        called(&world),
        [
            "ec2:DescribeImages",
            "ec2:DeregisterImage",
            "ec2:DeleteSnapshot",
            "ec2:DeleteSnapshot",
            "ec2:DeleteSnapshot"
        ]
    );
    // In use for good.
    let mut world = World::of(&text, &[]);
    world.answer(done(image));
    world.answer(nothing());
    world.play(|_, _| refused("InvalidSnapshot.InUse", "in use"));
    assert_eq!(world.status(), Status::Failed);
    assert!(world.failure("a").contains("InvalidSnapshot.InUse"));
    let mut world = World::of(&text, &[]);
    world.answer(done(json!({"Images": []})));
    assert!(world.failure("a").contains("Image ami-1 does not exist"));
}
