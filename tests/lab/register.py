"""register.py FOLDER URL INITIATOR: has the simulator in FOLDER register an initiator, as the portal does for a person."""
import json
import ssl
import sys
import time
import urllib.request

folder, url, initiator = sys.argv[1:]
with open(folder + "/ready.json", encoding="utf-8") as file:
    point = json.load(file)["recovery_points"][0]
with open(folder + "/token", encoding="utf-8") as file:
    headers = {"Authorization": "Bearer " + file.read().strip(), "Content-Type": "application/json"}
context = ssl.create_default_context(cafile=folder + "/ca.pem")


def call(address, body=None):
    data = json.dumps(body).encode() if body else None
    return urllib.request.urlopen(urllib.request.Request(address, data, headers), context=context)


answer = call(url.replace(";", "%3B"), {"properties": {
    "objectType": "IaasVMILRRegistrationRequest", "recoveryPointId": point["id"], "initiatorName": initiator,
    "virtualMachineId": point["vm_id"], "renewExistingRegistration": False}})
while json.load(call(answer.headers["Azure-AsyncOperation"]))["status"] == "InProgress":
    time.sleep(0.05)
