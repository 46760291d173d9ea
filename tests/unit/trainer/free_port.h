#pragma once
// A port of the loopback interface on which nobody listens now.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace spillway::trainer {

inline std::string free_port() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  auto* address = reinterpret_cast<sockaddr*>(&here);
  EXPECT_EQ(::bind(descriptor, address, size), 0);
  EXPECT_EQ(::getsockname(descriptor, address, &size), 0);
  ::close(descriptor);
  return std::to_string(ntohs(here.sin_port));
}

}  // namespace spillway::trainer
