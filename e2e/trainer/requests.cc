#include "requests.h"

#include <atomic>
#include <csignal>

namespace spillway::trainer {
namespace {

std::atomic<bool> g_save{false};
std::atomic<bool> g_end{false};
static_assert(std::atomic<bool>::is_always_lock_free, "handlers may touch nothing else");

void note_save(int) {
  g_save = true;
}
void note_end(int) {
  g_end = true;
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);  // fails for unknown numbers only
}

}  // namespace

void watch_signals() {
  handle(SIGUSR1, note_save);
  handle(SIGTERM, note_end);
  handle(SIGINT, note_end);
}

bool told_to_end() {
  return g_end;
}
bool take_save_signal() {
  return g_save.exchange(false);
}

}  // namespace spillway::trainer
