#pragma once
// Who owns which field: the rules of server-side apply (KEP-555, structured-merge-diff v4) on JSON
// objects and schemas. Pure.
//
// An apply owns what it says. Fields that a manager applied before and leaves out now are removed,
// unless another manager owns them too. Changing a value that another manager owns is a conflict,
// or with force takes it over. Every other write (create, update, patch) owns what it changes.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/sim/field_set.h>
#include <spillway/sim/schema.h>

namespace spillway::sim {

// The leaves of a value: what an apply of it owns.
FieldSet fields_of(const Schema& schema, const nlohmann::json& value);

struct Difference {
  FieldSet added, modified, removed;
  [[nodiscard]] bool none() const { return added.empty() && modified.empty() && removed.empty(); }
};
Difference compare(const Schema& schema, const nlohmann::json& before, const nlohmann::json& after);

// The same of whole objects, without what nobody owns because only the server sets it: kind, name,
// versions and the like. `before` is null when there was none.
FieldSet owned_fields_of(const Schema& schema, const nlohmann::json& object);
Difference owned_difference(const Schema& schema, const nlohmann::json& before,
                            const nlohmann::json& after);
// Whether owned_fields_of(object), written, is `fields_v1`; false when lists name an entry twice.
bool owns_exactly(const Schema& schema, const nlohmann::json& object,
                  const nlohmann::json& fields_v1);

// `config` laid over `live`, lists and maps merged as the schema says.
nlohmann::json merge(const Schema& schema, nlohmann::json live, nlohmann::json config);

struct Manager {
  std::string name;         // "spillway-status"
  std::string api_version;  // of the object as it was written
  std::string subresource;  // "" or "status"
};

// metadata.managedFields of `after`, which a write that is no apply made from `before` (null: there
// was none). `after` brings those of `before` along, or none.
void manage_update(const Schema& schema, const nlohmann::json& before, nlohmann::json& after,
                   const Manager& manager, Instant now);

struct FieldConflict {
  std::string manager;  // who owns it: `conflict with "x" using apps/v1`
  std::vector<std::string> paths;
};
struct Applied {
  nlohmann::json object;  // with its managedFields
  std::vector<FieldConflict>
      conflicts;  // not empty only without force: nothing may be written then
};
// `live` is an object without content (but metadata) when there was none; `config` holds no
// server-set metadata.
Applied manage_apply(const Schema& schema, const nlohmann::json& live, nlohmann::json config,
                     const Manager& manager, bool force, Instant now);

// Equal but for the times in metadata.managedFields and metadata.resourceVersion: a write that
// changes nothing is none.
bool same_content(const nlohmann::json& a, const nlohmann::json& b);

}  // namespace spillway::sim
