#pragma once
// Threads beside the control thread for what takes long and needs nothing but its own bytes:
// hashing, and reading and writing files. The control thread meanwhile receives and sends.

#include <optional>
#include <utility>

#include <spillway/async/asio.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/thread_pool.hpp>

namespace spillway::storage {

class Helpers {
 public:
  explicit Helpers(int threads) {
    if (threads > 0) pool_.emplace(static_cast<std::size_t>(threads));
  }
  Helpers(const Helpers&) = delete;
  Helpers& operator=(const Helpers&) = delete;
  ~Helpers() {
    if (pool_) pool_->join();
  }

  // Calls `work` on one of the threads and comes back with what it returned. It owns what it works
  // with, or refers to what lives longer than this object; it does not throw. Without threads it is
  // called here and now.
  template <class Work>
  auto run(Work work) -> Task<decltype(work())> {
    using Value = decltype(work());
    if (!pool_) co_return work();
    auto initiate = [this](auto handler, Work job) {
      asio::post(*pool_, [handler = std::move(handler), job = std::move(job)]() mutable {
        const auto executor = asio::get_associated_executor(handler);
        asio::post(executor, [handler = std::move(handler), value = job()]() mutable {
          std::move(handler)(std::move(value));
        });
      });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Value)>(
        std::move(initiate), asio::use_awaitable, std::move(work));
  }

 private:
  std::optional<asio::thread_pool> pool_;
};

}  // namespace spillway::storage
