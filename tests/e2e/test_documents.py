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


class Figures(unittest.TestCase):
    """How many of them there are."""

    def test_enough_documents_are_run(self):
        files = {case.file for case in asr.REMEDIATIONS + others.OTHERS}
        remediations = {file for file in files if file.startswith("asr__remediation_runbooks")}
        print(f"{len(files)} documents run end to end, {len(remediations)} of them ASR's remediations")
        self.assertGreaterEqual(len(files), 40)
        self.assertGreaterEqual(len(remediations), 20)


if __name__ == "__main__":
    unittest.main()
