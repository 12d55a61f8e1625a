//! What a playbook does next (pure).
