/** Chooses the colours before the page is shown. A file of its own, so that no page needs an inline script. */
document.documentElement.dataset.theme = localStorage.getItem('tsd-theme') || 'os';
