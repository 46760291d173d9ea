#pragma once
// An API server at a fixed time, and objects to put into it.

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <spillway/sim/api_server.h>
#include <spillway/sim/virtual_time.h>

namespace spillway::sim {

using nlohmann::json;

class ServerTest : public ::testing::Test {
 protected:
  struct Reply {
    int status = 0;
    json body;
    [[nodiscard]] std::string message() const { return body.value("message", ""); }
    [[nodiscard]] std::string reason() const { return body.value("reason", ""); }
    [[nodiscard]] std::string version() const {
      return body.value("/metadata/resourceVersion"_json_pointer, "");
    }
  };

  Reply ask(kube::Method method, const std::string& target, const json& body = {},
            const std::string& content_type = "application/json") {
    kube::HttpRequest request{.method = method, .target = target};
    if (!body.is_null()) {
      request.content_type = content_type;
      request.body = body.dump();
    }
    const kube::HttpResponse response = server.handle(request);
    return {.status = response.status, .body = json::parse(response.body)};
  }
  Reply get(const std::string& target) { return ask(kube::Method::kGet, target); }
  Reply post(const std::string& target, const json& body) {
    return ask(kube::Method::kPost, target + "?fieldManager=test", body);
  }
  Reply put(const std::string& target, const json& body) {
    return ask(kube::Method::kPut, target + "?fieldManager=test", body);
  }
  Reply merge(const std::string& target, const json& body) {
    return ask(kube::Method::kPatch, target + "?fieldManager=test", body,
               "application/merge-patch+json");
  }
  Reply apply(const std::string& target, const json& body, const std::string& manager,
              bool force = true) {
    return ask(kube::Method::kPatch,
               target + "?fieldManager=" + manager + (force ? "&force=true" : ""), body,
               "application/apply-patch+yaml");
  }
  Reply remove(const std::string& target, const json& options = json::object()) {
    return ask(kube::Method::kDelete, target, options);
  }

  static json training_job(const std::string& name) {
    return {
        {"apiVersion", "spillway.dev/v1alpha1"},
        {"kind", "TrainingJob"},
        {"metadata", {{"name", name}, {"namespace", "default"}}},
        {"spec",
         {{"template",
           {{"spec", {{"containers", json::array({{{"name", "main"}, {"image", "train:1"}}})}}}}},
          {"accelerator", {{"models", json::array({{{"name", "H100"}}})}, {"perReplica", 1}}}}}};
  }
  static json pod(const std::string& name) {
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec", {{"containers", json::array({{{"name", "main"}, {"image", "serve:1"}}})}}}};
  }
  static json service(const std::string& name, int port) {
    return {{"apiVersion", "v1"},
            {"kind", "Service"},
            {"metadata", {{"name", name}, {"namespace", "default"}}},
            {"spec",
             {{"selector", {{"app", "a"}}},
              {"ports", json::array({{{"name", "http"}, {"port", port}}})}}}};
  }

  static constexpr const char* kJobsPath =
      "/apis/spillway.dev/v1alpha1/namespaces/default/trainingjobs";
  static constexpr const char* kPodsPath = "/api/v1/namespaces/default/pods";
  static constexpr const char* kServicesPath = "/api/v1/namespaces/default/services";

  asio::io_context io;
  VirtualTime time{io};
  std::unique_ptr<Random> random = make_random(1);
  ApiServer server{time, *random};
};

}  // namespace spillway::sim
