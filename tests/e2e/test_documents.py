"""Real documents of other people, unmodified, run end to end: what they are meant to do is done in the account."""

import unittest

import document_cases_asr as asr
import document_cases_others as others
from document_world import DocumentsTest


class Remediations(DocumentsTest):
    """ASR's remediation documents."""

    cases = asr.REMEDIATIONS

    @classmethod
    def set_up_account(cls):
        cls.world.aws("ssm").put_parameter(Name=asr.PARAMETER, Value=cls.world.key(), Type="String")


class Chores(DocumentsTest):
    """Documents of others."""

    cases = others.OTHERS


if __name__ == "__main__":
    unittest.main()
