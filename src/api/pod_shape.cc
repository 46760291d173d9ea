#include "pod_shape.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include <spillway/core/quantity.h>

#include "problems.h"

namespace spillway::api {
namespace {

using Json = nlohmann::json;
// Resource name -> amount: cpu in thousandths, everything else in whole units.
using Amounts = std::map<std::string, std::int64_t>;

const Json* member(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* value = member(object, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

class ShapeReader {
 public:
  Result<PodShape> read(const Json& pod) {
    const Path spec{nullptr, "spec"};
    shape_from(effective_requests(spec, pod));
    if (const Json* selector = member(pod, "nodeSelector");
        selector != nullptr && selector->is_object()) {
      for (const auto& [key, value] : selector->items()) {
        if (value.is_string()) shape_.node_selector[key] = value.get<std::string>();
      }
    }
    if (const Json* grace = member(pod, "terminationGracePeriodSeconds");
        grace != nullptr && grace->is_number_integer())
      shape_.termination_grace =
          std::chrono::seconds(std::max<std::int64_t>(grace->get<std::int64_t>(), 0));
    read_tolerations(Path{&spec, "tolerations"}, pod);
    read_affinity(Path{&spec, "affinity"}, pod);
    TRY_VOID(problems_.result());
    return std::move(shape_);
  }

 private:
  std::int64_t amount(const Path& path, std::string_view resource, const Json& value) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    const auto parsed = resource == "cpu" ? parse_quantity_milli(text) : parse_quantity(text);
    if (!parsed) problems_.add(path, parsed.error().message);
    return parsed ? *parsed : 0;
  }

  Amounts amounts(const Path& path, const Json* quantities) {
    Amounts result;
    if (quantities == nullptr || !quantities->is_object()) return result;
    for (const auto& [name, value] : quantities->items())
      result[name] = amount(Path{&path, name}, name, value);
    return result;
  }

  // The requests of a container, or the pod's own: a limit stands for a request that is missing.
  Amounts requests(const Path& path, const Json& owner, bool with_limits) {
    const Json* resources = member(owner, "resources");
    if (resources == nullptr) return {};
    const Path here{&path, "resources"};
    Amounts result = amounts(Path{&here, "requests"}, member(*resources, "requests"));
    if (with_limits) result.merge(amounts(Path{&here, "limits"}, member(*resources, "limits")));
    return result;
  }

  Amounts effective_requests(const Path& spec, const Json& pod) {
    Amounts running = sum_of_containers(spec, pod);
    Amounts sidecars;
    Amounts starting;  // the most that any moment before the containers needs
    if (const Json* inits = member(pod, "initContainers"); inits != nullptr && inits->is_array()) {
      const Path list{&spec, "initContainers"};
      for (std::size_t i = 0; i < inits->size(); ++i) {
        const Amounts own = requests(Path{&list, {}, i}, (*inits)[i], true);
        const bool sidecar = text_of((*inits)[i], "restartPolicy") == "Always";
        if (sidecar) add(running, own);
        if (sidecar) add(sidecars, own);
        Amounts moment = sidecars;
        if (!sidecar) add(moment, own);
        raise(starting, moment);
      }
    }
    raise(running, starting);
    replace_by_pod_level(spec, pod, running);
    add(running, amounts(Path{&spec, "overhead"}, member(pod, "overhead")));
    return running;
  }

  Amounts sum_of_containers(const Path& spec, const Json& pod) {
    Amounts sum;
    const Json* containers = member(pod, "containers");
    if (containers == nullptr || !containers->is_array()) return sum;
    const Path list{&spec, "containers"};
    for (std::size_t i = 0; i < containers->size(); ++i) {
      add(sum, requests(Path{&list, {}, i}, (*containers)[i], true));
    }
    return sum;
  }

  // A pod-level request stands instead of the sum; a pod-level limit only where no container says
  // anything.
  void replace_by_pod_level(const Path& spec, const Json& pod, Amounts& running) {
    const Amounts requested = requests(spec, pod, false);
    Amounts limited = requests(spec, pod, true);
    for (const auto& [name, value] : requested)
      running[name] = value;
    running.merge(limited);
  }

  std::int64_t plus(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    problems_.add(Path{nullptr, "spec"},
                  "the requests of the containers add up to more than can be counted");
    return std::numeric_limits<std::int64_t>::max();
  }
  void add(Amounts& to, const Amounts& from) {
    for (const auto& [name, value] : from)
      to[name] = plus(to[name], value);
  }
  static void raise(Amounts& to, const Amounts& floor) {
    for (const auto& [name, value] : floor)
      to[name] = std::max(to[name], value);
  }

  void shape_from(const Amounts& requests) {
    for (const auto& [name, value] : requests) {
      if (name == "cpu") {
        shape_.cpu = MilliCpu(value);
      } else if (name == "memory") {
        shape_.memory = Bytes(value);
      } else if (name.find('/') != std::string::npos && value > 0) {
        shape_.extended[ResourceName(name)] = AcceleratorCount(value);
      }
    }
  }

  void read_tolerations(const Path& path, const Json& pod) {
    const Json* list = member(pod, "tolerations");
    if (list == nullptr || !list->is_array()) return;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Json& entry = (*list)[i];
      const Path here{&path, {}, i};
      Toleration toleration{.key = text_of(entry, "key"), .value = text_of(entry, "value")};
      const std::string op = text_of(entry, "operator");
      if (op == "Lt" || op == "Gt")
        continue;  // compares numbers (KEP-5471): never needed by a pool's own taints
      if (!op.empty()) read_enum(Path{&here, "operator"}, op, toleration.op);
      if (const std::string effect = text_of(entry, "effect"); !effect.empty()) {
        read_enum(Path{&here, "effect"}, effect, toleration.effect.emplace());
      }
      if (const Json* seconds = member(entry, "tolerationSeconds");
          seconds != nullptr && seconds->is_number_integer()) {
        toleration.toleration_seconds = seconds->get<std::int64_t>();
      }
      shape_.tolerations.push_back(std::move(toleration));
    }
  }

  template <class Enum>
  void read_enum(const Path& path, const std::string& text, Enum& out) {
    if (const auto parsed = parse_enum<Enum>(text)) {
      out = *parsed;
    } else {
      problems_.add(path, parsed.error().message);
    }
  }

  void read_affinity(const Path& path, const Json& pod) {
    const Json* affinity = member(pod, "affinity");
    const Json* node = affinity == nullptr ? nullptr : member(*affinity, "nodeAffinity");
    const Json* required =
        node == nullptr ? nullptr : member(*node, "requiredDuringSchedulingIgnoredDuringExecution");
    if (required == nullptr) return;
    shape_.node_affinity.emplace();
    const Json* terms = member(*required, "nodeSelectorTerms");
    if (terms == nullptr || !terms->is_array()) return;
    for (const Json& term : *terms) {
      shape_.node_affinity->push_back(
          {.labels = requirements(path, member(term, "matchExpressions")),
           .fields = requirements(path, member(term, "matchFields"))});
    }
  }

  std::vector<NodeRequirement> requirements(const Path& path, const Json* list) {
    std::vector<NodeRequirement> result;
    if (list == nullptr || !list->is_array()) return result;
    for (const Json& entry : *list) {
      NodeRequirement requirement{.key = text_of(entry, "key"), .op = {}, .values = {}};
      read_enum(path, text_of(entry, "operator"), requirement.op);
      if (const Json* values = member(entry, "values"); values != nullptr && values->is_array()) {
        for (const Json& value : *values) {
          if (value.is_string()) requirement.values.push_back(value.get<std::string>());
        }
      }
      result.push_back(std::move(requirement));
    }
    return result;
  }

  Problems problems_;
  PodShape shape_;
};

}  // namespace

Result<PodShape> pod_shape(const Json& pod_template) {
  const Json* spec = member(pod_template, "spec");
  if (spec == nullptr || !spec->is_object()) return PodShape{};
  return ShapeReader().read(*spec);
}

}  // namespace spillway::api
