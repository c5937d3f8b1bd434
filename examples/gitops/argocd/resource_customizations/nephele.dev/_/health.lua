-- SPDX-License-Identifier: Apache-2.0
-- Health of every kind of nephele.dev. All of them keep to kstatus, which this says in Argo CD's words:
-- https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md

local function say(status, condition)
  return { status = status, message = condition.reason .. ": " .. condition.message }
end

local waiting = { status = "Progressing", message = "waiting for the operator to look at it" }

local isDeleted = obj.metadata.deletionTimestamp ~= nil

-- The operator's own list of addresses in use, which has no status: a fact by itself.
if obj.kind == "IPClaim" then
  return { status = isDeleted and "Progressing" or "Healthy" }
end

local status = obj.status
if status == nil or status.conditions == nil then
  return waiting
end

-- Of a spec that was changed since, the status does not speak; of what is being deleted it says what holds it.
if not isDeleted and status.observedGeneration ~= nil and status.observedGeneration ~= obj.metadata.generation then
  return waiting
end

local ready
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.status == "True" and not isDeleted then
    if condition.type == "Stalled" then
      return say("Degraded", condition)
    elseif condition.type == "Reconciling" then
      return say("Progressing", condition)
    end
  end
end

if ready == nil then
  return waiting
end
if isDeleted or ready.status ~= "True" then
  return say("Progressing", ready)
end

-- Frozen as its spec wants it, and waits for somebody to resume it. One that is Stopped is off, and healthy.
if obj.kind == "Instance" and (obj.spec.runState == "Paused" or obj.spec.runState == "Suspended") then
  return say("Suspended", ready)
end
return say("Healthy", ready)
