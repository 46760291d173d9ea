#include <spillway/control/namespaces.h>

#include <utility>

#include <nlohmann/json.hpp>

namespace spillway::control {

Result<NamespaceView> NamespaceView::from_json(const nlohmann::json& object) {
  TRY(meta, kube::read_meta(object, {.all_labels = true}));
  return NamespaceView{.meta = std::move(meta)};
}

}  // namespace spillway::control
