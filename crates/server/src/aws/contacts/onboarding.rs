//! The door of the service: without a replication set the account is not known to it.

use model::plan::ReplicationSet;

use crate::aws::incidents;
use crate::call::Call;
use crate::error::ApiError;

/// The account's replication set, which must be in force.
///
/// # Errors
/// The `ValidationException` by whose text Terraform's provider tells an account that is not set up.
pub(super) async fn require(call: &Call) -> Result<ReplicationSet, ApiError> {
    incidents::active_set(call).await?.ok_or_else(|| {
        ApiError::validation("Invalid value provided - Account not found for the request")
            .member("Reason", "OTHER")
    })
}
