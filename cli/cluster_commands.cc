#include <iostream>
#include <map>

#include <spillway/api/codec.h>
#include <spillway/core/text.h>

#include "as_applied.h"
#include "commands.h"
#include "plan_text.h"

namespace spillway::cli {
namespace {

Result<int> print_document(const nlohmann::ordered_json& document, Format format, int code) {
  TRY_VOID(print(document_text(document, format)));
  return code;
}

std::string ignored_text(const std::vector<std::string>& kinds) {
  std::map<std::string, std::int64_t> count;
  for (const std::string& kind : kinds)
    ++count[kind];
  std::vector<std::string> parts;
  parts.reserve(count.size());
  for (const auto& [kind, number] : count)
    parts.push_back(std::to_string(number) + " " + kind);
  return "left out of the plan, which looks at Spillway's kinds: " + join(parts, ", ");
}

struct WithFiles {
  std::optional<Outlook> without;  // the plan before the files; set when there are files
  std::set<std::string> named;     // "TrainingJob team-a/llama"
};

// Applies the files of the command line to the world that was read.
Result<WithFiles> apply_files(const Options& options, const PlanOptions& plan,
                              const control::OperatorConfig& config, const Cluster& cluster,
                              std::vector<Manifest> manifests, Reading& reading, Instant now) {
  if (plan.files.empty()) return WithFiles{};
  TRY_VOID(settle_namespaces(manifests, cluster.ns(), !options.connection.ns.empty()));
  WithFiles made{.without = Preview(reading.world, config.placement, now).outlook()};
  TRY(applied, apply_manifests(manifests, reading.world, now));
  made.named = std::move(applied.workloads);
  if (!applied.ignored.empty()) reading.remarks.push_back(ignored_text(applied.ignored));
  return made;
}

// The object as the operator recorded it: from the list, or alone when lists are forbidden.
template <class Kind>
Result<std::shared_ptr<const Kind>> object_of(Cluster& cluster, const kube::Store<Kind>& store,
                                              kube::ResourceType type, const ObjectKey& key) {
  if (auto found = store.find(key)) return found;
  auto json = cluster.get(type, key);
  if (!json && json.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, "there is no " + std::string(api::kResource<Kind>.kind) +
                                          " " + key.to_string() +
                                          (key.ns.empty() ? "" : ": choose the namespace with -n"));
  }
  if (!json) return fail(json.error());
  TRY(object, api::read<Kind>(*json, api::UnknownFields::kIgnore));
  return std::make_shared<const Kind>(std::move(object));
}

template <class Kind>
Result<Explanation> explain_object(Cluster& cluster, const Reading& reading,
                                   const kube::Store<Kind>& store, kube::ResourceType type,
                                   const ObjectKey& key, const plan::Config& config) {
  TRY(object, object_of(cluster, store, type, key));
  std::optional<Now> now;
  if (reading.missing.empty()) {
    const Preview preview(reading.world, config, cluster.now());
    now = Now{.outlook = preview.outlook(), .alternatives = {}};
    constexpr bool kTraining = std::is_same_v<Kind, api::TrainingJob>;
    if constexpr (!std::is_same_v<Kind, api::CapacityPool>)
      now->alternatives = preview.alternatives_now({.training = kTraining, .key = key});
  }
  return explain(*object, now);
}

}  // namespace

int exit_code_of(const Error& error) {
  return error.code == ErrorCode::kInvalidArgument ? kWrongInput : kFailed;
}

Result<control::OperatorConfig> load_operator_config(const std::string& path) {
  if (path.empty()) return control::OperatorConfig{};
  TRY(content, control::read_config_file(path));
  auto config = control::parse_config(content);
  if (!config) return fail(config.error().in(path));
  return config;
}

Result<int> run_plan(const Options& options, const PlanOptions& plan) {
  TRY(config, load_operator_config(options.config));
  std::vector<Manifest> manifests;
  if (!plan.files.empty()) {
    TRY(read, read_manifests(plan.files));
    manifests = std::move(read);
  }
  TRY(cluster, Cluster::connect(options.connection));
  TRY(reading, cluster->read());
  if (!reading.missing.empty()) return fail(ErrorCode::kForbidden, missing_rights(reading.missing));
  const Instant now = cluster->now();
  TRY(files, apply_files(options, plan, config, *cluster, std::move(manifests), reading, now));
  PlanView view{.outlook = Preview(reading.world, config.placement, now).outlook(),
                .cluster = cluster->description(),
                .with_files = files.without.has_value(),
                .remarks = std::move(reading.remarks),
                .all = plan.all};
  for (Prospect& prospect : view.outlook.workloads)
    prospect.from_file = files.named.contains(prospect.kind() + " " + prospect.key.to_string());
  if (files.without) compare(view, *files.without);
  if (!options.connection.ns.empty()) view.only = Namespace(options.connection.ns);
  if (options.format != Format::kTable)
    return print_document(plan_document(view), options.format, kDone);
  TRY_VOID(print(plan_text(view)));
  return kDone;
}

Result<int> run_explain(const Options& options, const ExplainOptions& explain) {
  TRY(config, load_operator_config(options.config));
  TRY(cluster, Cluster::connect(options.connection));
  TRY(reading, cluster->read());
  const ObjectKey key{cluster->ns(), explain.target.name};
  const control::World& world = reading.world;
  const auto ask = [&]() -> Result<Explanation> {
    switch (explain.target.kind) {
      case TargetKind::kTrainingJob:
        return explain_object(*cluster, reading, world.training_jobs, control::kTrainingJobs, key,
                              config.placement);
      case TargetKind::kInferencePool:
        return explain_object(*cluster, reading, world.inference_pools, control::kInferencePools,
                              key, config.placement);
      case TargetKind::kCapacityPool: break;
    }
    return explain_object(*cluster, reading, world.capacity_pools, control::kCapacityPools,
                          {Namespace(), key.name}, config.placement);
  };
  TRY(explanation, ask());
  // What is recorded was told; what the plan would do now was not.
  const int code = reading.missing.empty() ? kDone : kFailed;
  if (code == kFailed) {
    std::cerr << "error: only what is recorded is shown: " << missing_rights(reading.missing)
              << '\n';
  }
  if (options.format != Format::kTable)
    return print_document(explanation.document, options.format, code);
  TRY_VOID(print(explanation.text));
  return code;
}

}  // namespace spillway::cli
