// A cluster over a real socket.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cluster.h"
#include "support/scripted_server.h"
#include "support/temporary_folder.h"

namespace spillway::cli {
namespace {

using spillway::testing::ScriptedServer;
using spillway::testing::TemporaryFolder;

std::string answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string kubeconfig_for(const std::string& url) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
         "clusters: [{name: here, cluster: {server: '" +
         url +
         "'}}]\n"
         "users: [{name: me, user: {token: secret}}]\n"
         "contexts: [{name: here, context: {cluster: here, user: me}}]\n";
}

// A connection that is kept open waits for nothing between two requests.
TEST(ClusterConnectionTest, one_request_follows_another_on_a_connection_that_is_kept) {
  const std::string pod =
      R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"dev","uid":"1"}})";
  ScriptedServer server({{answer(pod), answer(pod), answer(pod)}});
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "kubeconfig").string();
  folder.write("kubeconfig", kubeconfig_for(server.url()));
  auto cluster = Cluster::connect({.kubeconfig = path, .context = {}, .ns = {}});
  ASSERT_TRUE(cluster) << cluster.error().message;
  for (int request = 1; request <= 3; ++request) {
    const auto read = (*cluster)->get(control::kNamespaces, {.ns = {}, .name = ObjectName("dev")});
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->at("metadata").at("name"), "dev");
  }
  // Nothing is sent, and nothing waited for.
  const auto nameless = (*cluster)->create(control::kNamespaces, nlohmann::json::object());
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().code, ErrorCode::kInvalidArgument) << nameless.error().message;
  EXPECT_EQ(server.received().size(), 3U);
}

}  // namespace
}  // namespace spillway::cli
