// Frames of RFC 6455, and sockets that don't block.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

/** Appends a client's frame. The masking key is zero, which leaves the payload as it is and costs nothing. */
inline void appendFrame(std::string& out, int opcode, std::string_view payload) {
  out += char(0x80 | opcode);
  const size_t bytes = payload.size();
  if (bytes < 126) {
    out += char(0x80 | bytes);
  } else if (bytes < 65'536) {
    out += char(0x80 | 126);
    out += char(bytes >> 8);
    out += char(bytes);
  } else {
    out += char(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += char(uint64_t(bytes) >> shift);
  }
  out.append(4, '\0');
  out += payload;
}

/** Where the payload of the frame at `data` begins and ends; false while the frame is not whole. */
inline bool frameBounds(const char* data, size_t bytes, size_t& start, size_t& end) {
  if (bytes < 2) return false;
  const auto at = [&](size_t index) { return uint64_t(static_cast<unsigned char>(data[index])); };
  const uint64_t code = at(1) & 0x7f;
  start = code < 126 ? 2 : code == 126 ? 4 : 10;
  if (bytes < start) return false;
  uint64_t length = code < 126 ? code : 0;
  for (size_t index = 2; index < start; index++) length = length << 8 | at(index);
  end = start + length;
  return end <= bytes;
}

/** Starts to connect from 127.0.0.`source`; several sources have more ports than one. -1 and errno on failure. */
inline int openSocket(int port, int source) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + uint32_t(source) - 1);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(uint16_t(port));
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 || errno == EINPROGRESS) return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/**
 * Has the system acknowledge what comes when it is read. A socket that answered something within 40 ms passes for one that talks, and its
 * acknowledgements wait for the next answer; on the loopback interface it is then the server's write that has every few packets
 * acknowledged, and the server that pays for it, the more often the longer its messages are. With a network in between it never does.
 */
inline void acknowledgeAsRead(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

/** Ends a connection by a reset, as a network that is gone does; it leaves no port waiting either. */
inline void cut(int fd) {
  const linger hard{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}
