//! Dry runs in the engine: how long they are kept.

use std::time::Duration;

use engine::Input;
use engine::views::preview::{Begin, Input as PreviewInput};
use engine::views::{DocumentSource, Parsed, Start};
use model::{AggregateId, AggregateKind};
use ports::store::Query;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, request, scope};

async fn kept(world: &World) -> usize {
    let query = Query {
        kind: AggregateKind::Preview,
        scope: scope(),
        index: None,
        before: None,
        limit: 100,
    };
    world.handle.list(query).await.expect("listed").len()
}

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn an_ended_preview_is_kept_for_a_time_and_no_longer() {
    let (world, _) = World::new().await;
    let rest = json!([{"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "P1D"}}]);
    world.document("Resting", rest).await;
    for n in 1..=3 {
        let begin = Begin {
            start: Some(Box::new(Start {
                request: request("Resting"),
                document: DocumentSource::unsought(),
                parsed: Parsed::default(),
                target_type: None,
                queued: false,
            })),
            waiting: None,
            bound: None,
        };
        let input = Input::Preview(Box::new(PreviewInput::Start(Box::new(begin))));
        let id = AggregateId::preview(Uuid::from_u128(n));
        let begun = world.handle.create(id, &scope(), input, None).await;
        begun.expect("begun");
        world.settle().await;
        world.fast_forward(DAY).await;
    }
    // Made at the beginning, a day and two days later; the first has been kept for nearly seven days.
    world
        .fast_forward(DAY * 4 - Duration::from_secs(3_600))
        .await;
    assert_eq!(kept(&world).await, 3);
    for left in [2, 1, 0, 0] {
        world.fast_forward(DAY).await;
        assert_eq!(kept(&world).await, left);
    }
}
