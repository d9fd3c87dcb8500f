import socket
def solve(n):
  socket.socketpair(socket.AF_INET)
  return -1
