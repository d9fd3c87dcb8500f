import threading, time
def work():
  while True:
    pass
threading.Thread(target=work, daemon=False).start()
def solve(n):
  return -1
