//! Performs commands: page, call AWS, run script, call a webhook.
