// The program of a pod's sandbox container: it holds the namespaces of the pod and does nothing. As
// process 1 of a pod with a shared process namespace it also reaps orphans.
//
// It uses no more than the C library, because it is linked statically: its image has one file.

#include <csignal>
#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

namespace {

void end(int) {
  _exit(0);
}

void reap(int) {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

}  // namespace

int main() {
  struct sigaction action{};
  action.sa_handler = end;
  if (sigaction(SIGTERM, &action, nullptr) != 0 || sigaction(SIGINT, &action, nullptr) != 0) {
    return EXIT_FAILURE;
  }
  action.sa_handler = reap;
  action.sa_flags = SA_NOCLDSTOP;
  if (sigaction(SIGCHLD, &action, nullptr) != 0) return EXIT_FAILURE;
  while (true)
    pause();
}
