// crdgen: writes what is generated from the field tables in src/api.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "generate.h"
#include "pod_template_schema.h"

namespace {

using spillway::Result;
namespace crdgen = spillway::crdgen;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || !text) return spillway::invalid("cannot read '" + path + "'");
  return text.str();
}

Result<void> write_files(const std::string& folder, const crdgen::Files& files) {
  for (const auto& [name, text] : files) {
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return spillway::invalid("cannot write '" + path.string() + "'");
  }
  return {};
}

Result<void> print_pod_template(const std::string& path) {
  TRY(text, read_file(path));
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return spillway::invalid("'" + path + "' is not JSON");
  TRY(schema, crdgen::convert_pod_template(document));
  std::cout << schema.dump() << '\n';
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Writes CustomResourceDefinitions and reference pages from the field tables"};
  app.require_subcommand(1);
  std::string openapi;
  std::string folder;
  Result<void> result;
  auto* pod_template =
      app.add_subcommand("pod-template", "Print Kubernetes' pod template as a schema for CRDs");
  pod_template
      ->add_option("--openapi", openapi, "The answer to GET /openapi/v3/apis/batch/v1, as a file")
      ->required();
  pod_template->callback([&] { result = print_pod_template(openapi); });
  auto* crds = app.add_subcommand("crds", "Write the CustomResourceDefinitions");
  crds->add_option("--out", folder, "Folder to write to")->required();
  crds->callback([&] { result = write_files(folder, crdgen::crd_files()); });
  auto* docs = app.add_subcommand("docs", "Write the reference pages");
  docs->add_option("--out", folder, "Folder to write to")->required();
  docs->callback([&] { result = write_files(folder, crdgen::reference_files()); });
  CLI11_PARSE(app, argc, argv);
  if (!result) {
    std::cerr << "crdgen: " << result.error().message << '\n';
    return 1;
  }
  return 0;
}
