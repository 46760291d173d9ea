#pragma once
// Kubernetes' own kinds as far as the model knows them. Internal to kinds.cc.

#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/sim/schema.h>

namespace spillway::sim {

using nlohmann::json;

// metadata as every kind has it.
json object_meta_schema();
SchemaPointer pod_schema();
SchemaPointer job_schema();
SchemaPointer deployment_schema();
SchemaPointer stateful_set_schema();
SchemaPointer cron_job_schema();
SchemaPointer service_schema();
SchemaPointer budget_schema();
SchemaPointer plain_schema();  // nothing but metadata is described

void default_pod(json& pod);
void default_job(json& job);
void default_deployment(json& deployment);
void default_stateful_set(json& set);
void default_cron_job(json& job);
void default_namespace(json& space);
void default_service(json& service);
void create_pod(json& pod);
void create_job(json& job);
void create_service(json& service);
// stringData goes into data.
void default_secret(json& secret);
std::string base64(std::string_view text);

using Causes = std::vector<Cause>;
void validate_job(const json& job, const json* before, Causes& causes);
void validate_deployment(const json& deployment, const json* before, Causes& causes);
void validate_stateful_set(const json& set, const json* before, Causes& causes);
void validate_cron_job(const json& job, const json* before, Causes& causes);
void validate_service(const json& service, const json* before, Causes& causes);
// metadata.name as a DNS subdomain, labels and annotations.
void validate_metadata(const json& object, Causes& causes);

}  // namespace spillway::sim
