// SPDX-License-Identifier: MIT
// What tests/report.t puts into a copy of a report: it looks at the page as a
// browser shows it, and tells its results, as lines of TAP without numbers.
(function () {
	'use strict';
	var lines = [];

	// check(what, bad): bad is a list of what is wrong.
	function check(what, bad) {
		lines.push((bad.length ? 'not ok' : 'ok') + ' - ' + what +
			(bad.length ? ': ' + bad.slice(0, 8).join(' | ') : ''));
	}

	function all(selector) { return Array.prototype.slice.call(document.querySelectorAll(selector)); }

	function name(element) {
		return element.tagName.toLowerCase() + '.' + (element.getAttribute('class') || '') + ' "' +
			element.textContent.trim().replace(/\s+/g, ' ').slice(0, 40) + '"';
	}

	function shown(element) { return element.getClientRects().length > 0; }

	// --- colours: WCAG 2.1, relative luminance and contrast ratio ---
	function channels(colour) {
		var n = colour.match(/[\d.]+/g);
		return n ? n.map(Number) : [0, 0, 0, 0];
	}

	function luminance(rgb) {
		var c = rgb.slice(0, 3).map(function (v) {
			v /= 255;
			return v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
		});
		return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
	}

	function ratio(a, b) {
		var x = luminance(a), y = luminance(b);
		return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
	}

	// background(element): the colour behind it; all are opaque or not there.
	function background(element) {
		var svg = element.closest('svg'), colour;
		if (svg) return channels(getComputedStyle(svg.querySelector('.bg')).fill);
		for (; element; element = element.parentElement) {
			colour = channels(getComputedStyle(element).backgroundColor);
			if (colour.length === 3 || colour[3] === 1) return colour;
			if (colour[3] !== 0) return [NaN];
		}
		return [NaN];
	}

	function has_text(element) {
		return Array.prototype.some.call(element.childNodes, function (node) {
			return node.nodeType === 3 && node.nodeValue.trim();
		});
	}

	function contrast() {
		var bad = [], seen = 0;
		all('body *').forEach(function (element) {
			if (!has_text(element) || !shown(element) || element.closest('script, style')) return;
			var style = getComputedStyle(element);
			var is = ratio(channels(element.closest('svg') ? style.fill : style.color), background(element));
			seen++;
			if (!(is >= 4.5)) bad.push(name(element) + ' ' + is.toFixed(2));
		});
		if (seen < 50) bad.push('only ' + seen + ' texts were looked at');
		return bad;
	}

	// --- overflow ---
	function scrolls(element) {
		return /auto|scroll/.test(getComputedStyle(element).overflowX);
	}

	function in_scroller(element) {
		for (element = element.parentElement; element; element = element.parentElement)
			if (scrolls(element)) return true;
		return false;
	}

	function overflow() {
		var bad = [], wide = document.scrollingElement.scrollWidth;
		if (wide > innerWidth) bad.push('the page is ' + wide + ' wide');
		all('body *').forEach(function (element) {
			var box = element.getBoundingClientRect();
			if (!shown(element) || element.closest('.skip, svg, thead, .ladder .scroll') || in_scroller(element)) return;
			if (box.right > innerWidth + 0.5 || box.left < -0.5)
				bad.push(name(element) + ' from ' + box.left + ' to ' + box.right);
			else if (!scrolls(element) && element.scrollWidth > element.clientWidth + 1 && element.clientWidth)
				bad.push(name(element) + ' has ' + element.scrollWidth + ' in ' + element.clientWidth);
		});
		return bad;
	}

	// What scrolls can be scrolled with the keyboard.
	function unreachable() {
		return all('body *').filter(function (element) {
			return scrolls(element) && element.scrollWidth > element.clientWidth && element.tabIndex < 0 &&
				shown(element) && !/^(SELECT|INPUT)$/.test(element.tagName);
		}).map(name);
	}

	// --- structure ---
	function structure() {
		var ids = {}, level = 0;
		check('the ids are unique', all('[id]').filter(function (element) {
			var again = ids[element.id];
			ids[element.id] = true;
			return again;
		}).map(name));
		check('every link into the page has its target', all('a[href^="#"]').filter(function (a) {
			return !document.getElementById(a.getAttribute('href').slice(1));
		}).map(name));
		check('there are such links', all('tbody a[href^="#"]').length ? [] : ['none']);
		check('the other links are https', all('a[href]').filter(function (a) {
			return !/^(#|https:\/\/)/.test(a.getAttribute('href'));
		}).map(name));
		check('nothing was loaded from elsewhere', performance.getEntriesByType('resource').filter(function (entry) {
			return !/^data:/.test(entry.name);
		}).map(function (entry) { return entry.name; }));
		check('no style but the page\'s own', all('body style, link').map(name));
		check('one h1, and no level of heading is left out', all('h1, h2, h3, h4, h5, h6').filter(function (h) {
			var now = Number(h.tagName[1]), bad = now > level + 1 || (now === 1 && level);
			level = now;
			return bad;
		}).map(name));
		check('tables have a caption and scopes', all('table').filter(function (table) {
			return !table.caption || table.querySelector('th:not([scope])');
		}).map(name));
		check('pictures have words', all('img, svg').filter(function (picture) {
			return !(picture.getAttribute('alt') || picture.getAttribute('aria-label'));
		}).map(name));
		check('images are whole', all('img').filter(function (image) { return !image.naturalWidth; }).map(name));
		check('controls have labels', all('select, input').filter(function (control) {
			return !control.labels.length;
		}).map(name));
		check('the language and the main part are named',
			document.documentElement.lang && document.querySelector('main') ? [] : ['no']);
	}

	// --- filters: what stays is counted from what the rows show ---
	var form = document.getElementById('_filter');
	var rows = all('#_verdicts tr[data-name]');
	var columns = {verdict: 0, source: 3, group: -1};

	// The group is told by the heading above.
	function cell(row, column) {
		return column === 'group' ? row.parentNode.rows[0].textContent.trim().split(':')[0] :
			row.children[columns[column]].textContent.trim();
	}

	function in_contents(row) { return document.querySelector('#_contents [data-name="' + row.dataset.name + '"]'); }

	function wanted(row, values) {
		return Object.keys(values).every(function (column) {
			var has = cell(row, column);
			return !values[column] || has === values[column] ||
				(column === 'source' && has.split(' ').indexOf(values[column]) >= 0);
		});
	}

	function set(values) {
		Object.keys(columns).forEach(function (column) {
			var control = form[column];
			control.selectedIndex = Math.max(0, Array.prototype.findIndex.call(control.options, function (option) {
				return option.textContent === values[column];
			}));
			control.dispatchEvent(new Event('change', {bubbles: true}));
		});
	}

	// wrong(values): the rows and sections that are shown and should not be, or
	// the other way round.
	function wrong(values) {
		var n = 0, bad = rows.filter(function (row) {
			var yes = wanted(row, values);
			n += yes;
			return shown(row) !== yes || in_contents(row).hidden === yes ||
				shown(document.getElementById(row.querySelector('a').hash.slice(1))) !== yes;
		}).map(name);
		if (document.getElementById('_count').textContent.indexOf(n + ' of ' + rows.length + ' ') !== 0)
			bad.push('the count says ' + document.getElementById('_count').textContent);
		return bad;
	}

	function filters() {
		var bad = [], tried = 0;
		check('the filters are there', form && shown(form) ? [] : ['no']);
		Object.keys(columns).forEach(function (column) {
			Array.prototype.slice.call(form[column].options, 1).forEach(function (option) {
				var values = {};
				values[column] = option.textContent;
				set(values);
				tried++;
				wrong(values).forEach(function (text) { bad.push(option.textContent + ': ' + text); });
			});
		});
		if (tried < 4) bad.push('only ' + tried + ' were there to try');
		check('each filter shows what it says', bad);

		// Every pair of source and verdict: some leave nothing.
		bad = [];
		Array.prototype.forEach.call(form.source.options, function (source) {
			Array.prototype.forEach.call(form.verdict.options, function (verdict) {
				var values = {
					source: source.index ? source.textContent : '',
					verdict: verdict.index ? verdict.textContent : ''
				};
				set(values);
				bad = bad.concat(wrong(values));
			});
		});
		check('two filters at a time', bad);

		set({});
		form.find.value = rows[0].querySelector('a').textContent.toUpperCase();
		form.find.dispatchEvent(new Event('input', {bubbles: true}));
		check('words: the experiment of that name', shown(rows[0]) && rows.filter(shown).length < rows.length ? [] : ['no']);
		form.find.value = 'no such words';
		form.find.dispatchEvent(new Event('input', {bubbles: true}));
		check('words: none', rows.filter(shown).map(name));
		check('no heading without a section', all('section.group, #_verdicts tbody').filter(shown).map(name));
		form.querySelector('button').click();
	}

	function tallies() {
		var bad = [], sum = 0;
		all('.tally button').forEach(function (tally) {
			var verdict = tally.textContent.replace(/^ *\d+ */, '').trim();
			sum += parseInt(tally.textContent, 10);
			tally.click();
			bad = bad.concat(wrong({verdict: verdict}));
			if (document.querySelector('[aria-pressed=true]') !== tally) bad.push(verdict + ' is not pressed');
			if (rows.filter(shown).length !== parseInt(tally.textContent, 10)) bad.push(verdict + ': another number');
			tally.click();
			bad = bad.concat(wrong({}));
		});
		if (sum !== rows.length) bad.push('they count ' + sum);
		check('a tally shows what it counts, and once more all', bad);
	}

	// What is claimed and what is observed.
	function claims() {
		var seen = 0, bad = all('.each tbody tr').filter(function (row) {
			var claimed = row.children[1].textContent, observed = row.children[3].textContent;
			var differs = claimed !== '\u2013' && observed.replace(/^\u2260 /, '') !== claimed;
			seen += differs;
			return !/skipped|unexpected/.test(observed) && differs !== /^\u2260 /.test(observed);
		}).map(name);
		if (!seen) bad.push('there are none to look at');
		check('what is observed and not as claimed is marked', bad);
	}

	function contents() {
		var nav = document.getElementById('_contents'), folded = nav.firstChild;
		var narrow = innerWidth <= 1200;
		window.scrollTo(0, document.scrollingElement.scrollHeight);
		var box = nav.getBoundingClientRect();
		check('the contents stay in view', scrollY > 100 && Math.abs(box.top) < 1 && box.bottom < innerHeight + 1 && box.height > 20 ?
			[] : [box.top + ' to ' + box.bottom]);
		check('they are folded on a narrow screen alone', folded.open === narrow ? ['open: ' + folded.open] : []);
		folded.open = true;
		check('they have every experiment, in its group', rows.filter(function (row) {
			return in_contents(row).parentNode.parentNode.firstChild.textContent !== row.parentNode.rows[0].textContent.trim();
		}).map(name));
		in_contents(rows[0]).querySelector('a').click();
		check('a link folds them again', folded.open === narrow ? ['open: ' + folded.open] : []);
		check('the sources are explained before they are used', all('a[href^="#_source-"]').filter(function (a) {
			var target = document.getElementById(a.getAttribute('href').slice(1));
			return !target || !target.nextSibling.textContent ||
				!(target.compareDocumentPosition(a) & Node.DOCUMENT_POSITION_FOLLOWING);
		}).map(name));
	}

	// No text of a ladder is cut off, nor too small to be read.
	function ladders() {
		var bad = all('.ladder svg text').filter(shown).map(function (text) {
			var box = text.getBoundingClientRect(), frame = text.closest('.scroll').getBoundingClientRect();
			return box.left < frame.left || box.right > frame.right || box.height < 8.5 ?
				name(text) + ' from ' + (box.left - frame.left) + ' to ' + (box.right - frame.left) + ' of ' + frame.width +
				', high ' + box.height : '';
		}).filter(String);
		check('ladders fit', bad);
	}

	// A link wins over a filter that hides its target; then all is shown again.
	function links(done) {
		var last = rows[rows.length - 1].querySelector('a').hash;
		location.hash = last;
		setTimeout(function () {
			check('a link to what is hidden shows it', shown(document.querySelector(last)) ? [] : [last]);
			form.find.value = 'no such words';
			form.find.dispatchEvent(new Event('input', {bubbles: true}));
			form.querySelector('button').click();
			setTimeout(function () {
				check('"show all" shows all', rows.filter(function (row) { return !shown(row); }).map(name));
				done();
			}, 50);
		}, 50);
	}

	// The page stands in a frame of the width that is asked for (a window cannot
	// be as narrow as a phone); what is around it shows the results.
	function report() { window.parent.postMessage(lines.join('\n'), '*'); }

	window.addEventListener('load', function () {
		var dark = matchMedia('(prefers-color-scheme: dark)').matches;
		lines.push('# ' + innerWidth + ' ' + (dark ? 'dark' : 'light'));
		check('nothing overflows', overflow());
		structure();
		filters();
		tallies();
		claims();
		contents();
		ladders();
		links(function () {
			all('details').forEach(function (each) { each.open = true; });
			check('nothing overflows when all is open', overflow());
			check('what scrolls can be reached by keyboard', unreachable());
			check('the contrast is 4.5 or more', contrast());
			window.dispatchEvent(new Event('beforeprint'));
			lines.push('# ' + document.title);
			check('for print, all arms are open', all('details.arms:not([open])').map(name));
			report();
		});
	});
}());
