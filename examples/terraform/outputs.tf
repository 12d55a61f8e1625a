output "response_plan_arn" {
  description = "Response plan that the rule starts."
  value       = aws_ssmincidents_response_plan.compromised_instance.arn
}

output "escalation_arn" {
  description = "Escalation plan that is engaged for each incident."
  value       = aws_ssmcontacts_contact.escalation.arn
}

output "rule_arn" {
  description = "Event rule that matches the findings."
  value       = aws_cloudwatch_event_rule.compromised_instance.arn
}
