# Contacts, escalation, runbooks, response plan and event rule for a compromised EC2 instance.
# The same files work against AWS (quell_endpoint = "") and against Quell; only the endpoints differ.

provider "aws" {
  region = var.region

  # Quell speaks the four services used here and no STS or instance metadata, so the provider must not ask for them.
  skip_credentials_validation = var.quell_endpoint != ""
  skip_metadata_api_check     = var.quell_endpoint != ""
  skip_requesting_account_id  = var.quell_endpoint != ""

  dynamic "endpoints" {
    for_each = var.quell_endpoint == "" ? [] : [var.quell_endpoint]

    content {
      events       = endpoints.value
      ssm          = endpoints.value
      ssmcontacts  = endpoints.value
      ssmincidents = endpoints.value
    }
  }
}

locals {
  playbooks = "${path.module}/../../playbooks"
  rule      = jsondecode(file("${local.playbooks}/ec2-isolate.rule.json")).PutRule

  tags = {
    "managed-by" = "terraform"
    "purpose"    = "incident-response"
  }
}

resource "aws_ssmincidents_replication_set" "this" {
  region {
    name = var.region
  }

  tags = local.tags
}

# People and how to reach them ------------------------------------------------------------------------------------

resource "aws_ssmcontacts_contact" "primary" {
  alias        = "security-primary"
  display_name = "Security first on call"
  type         = "PERSONAL"
  tags         = local.tags

  depends_on = [aws_ssmincidents_replication_set.this]
}

resource "aws_ssmcontacts_contact" "secondary" {
  alias        = "security-secondary"
  display_name = "Security second on call"
  type         = "PERSONAL"
  tags         = local.tags

  depends_on = [aws_ssmincidents_replication_set.this]
}

resource "aws_ssmcontacts_contact_channel" "primary" {
  contact_id = aws_ssmcontacts_contact.primary.arn
  name       = "work e-mail"
  type       = "EMAIL"

  delivery_address {
    simple_address = var.primary_email
  }
}

resource "aws_ssmcontacts_contact_channel" "secondary" {
  contact_id = aws_ssmcontacts_contact.secondary.arn
  name       = "work e-mail"
  type       = "EMAIL"

  delivery_address {
    simple_address = var.secondary_email
  }
}

resource "aws_ssmcontacts_plan" "primary" {
  contact_id = aws_ssmcontacts_contact.primary.arn

  stage {
    duration_in_minutes = 1

    target {
      channel_target_info {
        contact_channel_id        = aws_ssmcontacts_contact_channel.primary.arn
        retry_interval_in_minutes = 5
      }
    }
  }
}

resource "aws_ssmcontacts_plan" "secondary" {
  contact_id = aws_ssmcontacts_contact.secondary.arn

  stage {
    duration_in_minutes = 1

    target {
      channel_target_info {
        contact_channel_id        = aws_ssmcontacts_contact_channel.secondary.arn
        retry_interval_in_minutes = 5
      }
    }
  }
}

resource "aws_ssmcontacts_contact" "escalation" {
  alias        = "security-escalation"
  display_name = "Security escalation"
  type         = "ESCALATION"
  tags         = local.tags

  depends_on = [aws_ssmincidents_replication_set.this]
}

resource "aws_ssmcontacts_plan" "escalation" {
  contact_id = aws_ssmcontacts_contact.escalation.arn

  stage {
    duration_in_minutes = var.escalation_minutes

    target {
      contact_target_info {
        contact_id   = aws_ssmcontacts_contact.primary.arn
        is_essential = true
      }
    }
  }

  stage {
    duration_in_minutes = 0

    target {
      contact_target_info {
        contact_id   = aws_ssmcontacts_contact.secondary.arn
        is_essential = false
      }
    }
  }
}

# Runbooks --------------------------------------------------------------------------------------------------------

resource "aws_ssm_document" "isolate" {
  name            = "Quell-EC2-Isolate"
  document_type   = "Automation"
  document_format = "YAML"
  content         = file("${local.playbooks}/ec2-isolate.yaml")
  tags            = local.tags
}

resource "aws_ssm_document" "release" {
  name            = "Quell-EC2-Release"
  document_type   = "Automation"
  document_format = "YAML"
  content         = file("${local.playbooks}/ec2-release.yaml")
  tags            = local.tags
}

# What happens on a finding ---------------------------------------------------------------------------------------

resource "aws_ssmincidents_response_plan" "compromised_instance" {
  name         = "quell-ec2-compromised"
  display_name = "Compromised EC2 instance"
  engagements  = [aws_ssmcontacts_contact.escalation.arn]
  tags         = local.tags

  incident_template {
    title         = "Compromised instance {{ resource.id }}: {{ finding.type }}"
    impact        = 1
    summary       = "GuardDuty reports that an EC2 instance is compromised. It is being isolated; check the evidence in the timeline."
    dedupe_string = "{{ event.account }}/{{ event.region }}/{{ resource.id }}"

    incident_tags = {
      "playbook" = "ec2-isolate"
    }
  }

  action {
    ssm_automation {
      document_name    = aws_ssm_document.isolate.name
      document_version = "$DEFAULT"
      role_arn         = var.automation_role_arn
      target_account   = "RESPONSE_PLAN_OWNER_ACCOUNT"

      parameter {
        name   = "AutomationAssumeRole"
        values = [var.automation_role_arn]
      }

      parameter {
        name   = "InstanceId"
        values = ["{{ resource.id }}"]
      }

      # The whole event: the runbook reads the attacker's address and the finding's id from it. A finding about a DNS
      # name has no address, so a parameter of its own could stay without a value.
      parameter {
        name   = "FindingJson"
        values = ["{{ event.json }}"]
      }

      dynamic_parameters = {
        "IncidentArn" = "INCIDENT_RECORD_ARN"
      }
    }
  }

  depends_on = [aws_ssmincidents_replication_set.this]
}

resource "aws_cloudwatch_event_rule" "compromised_instance" {
  name          = local.rule.Name
  description   = local.rule.Description
  event_pattern = local.rule.EventPattern
  tags          = local.tags
}

resource "aws_cloudwatch_event_target" "compromised_instance" {
  rule      = aws_cloudwatch_event_rule.compromised_instance.name
  target_id = "response-plan"
  arn       = aws_ssmincidents_response_plan.compromised_instance.arn
  role_arn  = var.event_role_arn
}
