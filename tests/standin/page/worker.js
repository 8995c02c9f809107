// A dedicated worker tells which browser it runs in: overrides of the page alone do not reach it.
'use strict';
(async () => {
  const body = JSON.stringify({
    where: 'worker',
    user_agent: navigator.userAgent,
    brands: navigator.userAgentData?.brands ?? [],
  });
  const answer = await fetch('/seen', { method: 'POST', body });
  self.postMessage((await answer.json()).refused);
})();
