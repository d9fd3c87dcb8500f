# TEST ('a',) -> ['a']
def solve(x):
  import bdb, cgi, mailbox, plistlib, sched, shelve, wave, wsgiref
  import xml.dom.minidom, email.mime.text, http.cookies, importlib.metadata
  return [x]
