# TEST (1,) -> 'alarm'
import signal
def solve(n):
  heard = []
  signal.signal(signal.SIGALRM, lambda *_: heard.append('alarm'))
  signal.setitimer(signal.ITIMER_REAL, 0.01)
  signal.pause()
  return heard[0]
