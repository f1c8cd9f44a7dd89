"""Connection scripts of any size, in the shape of the generated ones."""
GUID = "00000000-0000-4000-8000-000000000001"
RESOURCE = "1000000000000000001"
VALUES = {
    "VMName": "iaasvmcontainerv2;rg-web;web01", "MachineName": "web01",
    "TargetPortalAddress": "pod01-rec2.weu.backup.windowsazure.com", "TargetPortalPortNumber": "3260",
    "TargetNodeAddress": f"iqn.2016-01.microsoft.azure.backup:{RESOURCE}-100001-1-2.630000000000000003",
    "TargetUserName": f"{RESOURCE}-{GUID}", "TargetPassword": "UserInput012345",
    "InitiatorChapPassword": "0123456789abcd", "ScriptId": "00000000-0000-4000-8000-000000000002",
    "IsMultiTarget": "0", "IsPEEnabled": "0", "IsLargeDisk": "False",
}
# the like of what the rest of a generated script is
LINE = '    log("connecting to the target with the address " + TargetNodeAddress)\n'


def script(size: int) -> str:
    """At least so many bytes."""
    text = "#! /usr/bin/env python3\nimport os\n" + "".join(f'{name}="{value}"\n' for name, value in VALUES.items())
    return text + LINE * max(0, (size - len(text)) // len(LINE) + 1)
