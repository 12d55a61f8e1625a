variable "region" {
  description = "Region that the resources live in; Quell takes it from the signature of each call."
  type        = string
  default     = "us-east-1"
}

variable "quell_endpoint" {
  description = "Base URL of Quell, for example http://127.0.0.1:8710. Empty: the same configuration goes to AWS."
  type        = string
  default     = ""
}

variable "automation_role_arn" {
  description = "Role that runbooks assume in the account of the compromised instance."
  type        = string
  default     = "arn:aws:iam::123456789012:role/QuellResponder"
}

variable "event_role_arn" {
  description = "Role with which the event bus starts the incident. AWS needs it; Quell keeps it and does not use it."
  type        = string
  default     = "arn:aws:iam::123456789012:role/QuellStartIncident"
}

variable "primary_email" {
  description = "First responder on call."
  type        = string
  default     = "primary@example.com"
}

variable "secondary_email" {
  description = "Responder paged when nobody acknowledges in time."
  type        = string
  default     = "secondary@example.com"
}

variable "escalation_minutes" {
  description = "Minutes until the second responder is paged."
  type        = number
  default     = 10

  validation {
    condition     = var.escalation_minutes >= 0 && var.escalation_minutes <= 30
    error_message = "escalation_minutes must be between 0 and 30: Incident Manager accepts no longer stage."
  }
}
