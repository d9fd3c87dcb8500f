import socket
def solve(n):
  a, b = socket.socketpair()
  a.send(b'x', socket.MSG_OOB)
  b.recv(1, socket.MSG_OOB)
  socket.socket(fileno=3).send(b'x', socket.MSG_OOB)
  return -1
